import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { FetchError, fetchFile, type RemoteFile } from "./fetch.ts"

const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >>> 5)
const sha256 = createHash("sha256").update(content).digest("hex")

/** A server on this machine, and a folder to fetch into. */
async function place(
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<{ file: RemoteFile; path: string; dir: string }> {
  let count = 0
  const server = createServer((request, response) => answer(request, response, ++count))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const dir = mkdtempSync(join(tmpdir(), "fetch-"))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
    rmSync(dir, { recursive: true, force: true })
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.bin`
  return { file: { url, bytes: content.length, sha256 }, path: join(dir, "deep", "data.bin"), dir }
}

/** Sends what a range asks for, or all of it. */
function send(request: IncomingMessage, response: ServerResponse, upTo = content.length): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0)
  response.writeHead(from > 0 ? 206 : 200, {
    "content-length": content.length - from,
    ...(from > 0 && { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` }),
  })
  if (upTo >= content.length) response.end(content.subarray(from))
  else response.write(content.subarray(from, upTo), () => setTimeout(() => response.destroy(), 20))
}

test("a file is fetched once, checked, and leaves nothing beside it", async () => {
  let asked = 0
  const { file, path } = await place((request, response) => {
    asked++
    send(request, response)
  })
  const said: string[] = []
  await fetchFile(file, path, { say: (line) => said.push(line) })
  await fetchFile(file, path)
  expect(Buffer.compare(readFileSync(path), content)).toBe(0)
  expect(asked).toBe(1)
  expect(said).toEqual([expect.stringMatching(/^fetching data\.bin \(0\.3 MB\) into .*deep$/)])
  expect(readdirSync(join(path, ".."))).toEqual(["data.bin"])
})

test("a broken connection is taken up where it broke, now and in a later call", async () => {
  const ranges: (string | undefined)[] = []
  const { file, path } = await place((request, response, count) => {
    ranges.push(request.headers.range)
    send(request, response, count < 3 ? count * 100_000 : content.length)
  })
  await expect(fetchFile(file, path, { retries: 0 })).rejects.toThrow(FetchError)
  expect(existsSync(path)).toBe(false)
  const left = readFileSync(`${path}.part`).length
  expect(left).toBeGreaterThan(0)
  await fetchFile(file, path, { retries: 2 })
  expect(Buffer.compare(readFileSync(path), content)).toBe(0)
  expect(ranges[0]).toBeUndefined()
  expect(ranges[1]).toBe(`bytes=${left}-`)
  expect(ranges).toHaveLength(3)
})

test("a server that knows no ranges sends all again", async () => {
  const { file, path } = await place((_, response) => response.end(content))
  await fetchFile(file, path).then(() => rmSync(path))
  writeFileSync(`${path}.part`, content.subarray(0, 5000))
  await fetchFile(file, path)
  expect(Buffer.compare(readFileSync(path), content)).toBe(0)
})

test("another content than expected is refused and not kept", async () => {
  const { file, path } = await place((_, response) => response.end(new Uint8Array(content.length)))
  await expect(fetchFile(file, path, { where: "mnist" })).rejects.toThrow(
    /^mnist: http.*gave another file than expected/,
  )
  expect(readdirSync(join(path, ".."))).toEqual([])
  const longer = await place((_, response) => response.end(new Uint8Array(2 * content.length)))
  await expect(fetchFile(longer.file, longer.path)).rejects.toThrow("more than the 300000 bytes it should have")
  const gone = await place((_, response) => void response.writeHead(404).end())
  await expect(fetchFile(gone.file, gone.path)).rejects.toThrow("the server answers 404 Not Found")
})

test("without a connection the error says what to do", async () => {
  const dir = mkdtempSync(join(tmpdir(), "fetch-"))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const file = { url: "http://127.0.0.1:9/data.bin", bytes: 5, sha256 }
  await expect(fetchFile(file, join(dir, "x"), { where: "mnist", retries: 0 })).rejects.toThrow(
    /^mnist: cannot fetch http:\/\/127\.0\.0\.1:9\/data\.bin \(.+\): is this machine offline\? Put the file into .* by hand/,
  )
})

test("a connection that falls silent is given up, and a fetch can be called off", async () => {
  const silent = await place((_, response) => void response.writeHead(200).write("abc"))
  const quick = { retries: 0, patience: 200 }
  await expect(fetchFile(silent.file, silent.path, quick)).rejects.toThrow("nothing came for 0.2 s")
  const stop = new AbortController()
  const fetching = fetchFile(silent.file, silent.path, { signal: stop.signal })
  setTimeout(() => stop.abort(), 100)
  await expect(fetching).rejects.toThrow(/abort/i)
})
