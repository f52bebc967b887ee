/** Entry of a worker thread that reads pictures (Node only). */
import { parentPort } from "node:worker_threads"
import { type DecodeAnswer, type DecodeCall, readPicture } from "./disk.ts"

parentPort?.on("message", ({ id, paths, form }: DecodeCall) => {
  const pictures = paths.map((path) => readPicture(path, form))
  const own = pictures.flatMap((p) => (typeof p === "string" ? [] : [p.buffer as ArrayBuffer]))
  parentPort?.postMessage({ id, pictures } satisfies DecodeAnswer, own)
})
