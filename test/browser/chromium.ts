/** Headless Chromium on a page that a loopback server gives it, until the page posts its result. */
import { type ChildProcess, spawn } from "node:child_process"
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, extname, join } from "node:path"

/** The browser's program, from the variable CHROMIUM or the path; undefined where there is none. */
export function findChromium(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter)
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
  const places = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return [process.env["CHROMIUM"], ...places].find((path) => {
    try {
      accessSync(path ?? "", constants.X_OK)
      return path !== undefined
    } catch {
      return false
    }
  })
}

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-extensions",
  "--disable-dev-shm-usage",
]

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
  ".onnx": "application/octet-stream",
}

/** What a page is served from, and how. */
export interface Visit {
  readonly browser: string
  /** File for the path of a request, `/` first; undefined for what is not there. */
  readonly file: (path: string) => string | undefined
  /** Whether the page may use shared memory, and so threads. */
  readonly isolated?: boolean
  readonly timeoutMs?: number
}

/**
 * Opens the server's `/` in a new profile and resolves to the JSON that the page posts to `/result`.
 *
 * @throws Error with what the browser wrote when it ends early, or nothing was posted in time.
 */
export async function visit({ browser, file, isolated = false, timeoutMs = 45_000 }: Visit): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), "tweedie-chromium-"))
  let child: ChildProcess | undefined
  let settle: { resolve(value: unknown): void; reject(error: Error): void } | undefined
  const result = new Promise<unknown>((resolve, reject) => {
    settle = { resolve, reject }
  })
  const missing: string[] = []
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname
    if (request.method === "POST") {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part as Buffer)
      response.end()
      settle!.resolve(JSON.parse(Buffer.concat(parts).toString("utf8")))
      return
    }
    const place = file(path)
    const body = place === undefined ? undefined : await readFile(place).catch(() => undefined)
    if (body === undefined) missing.push(path)
    response.writeHead(body === undefined ? 404 : 200, {
      "content-type": types[extname(place ?? "")] ?? "text/plain",
      ...(isolated && { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" }),
    })
    response.end(body)
  }
  const server = createServer((request, response) => void serve(request, response).catch(settle!.reject))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  let said = ""
  const timer = setTimeout(
    () => settle!.reject(new Error(`the page posted nothing in ${timeoutMs} ms (not found: ${missing}); ${said}`)),
    timeoutMs,
  )
  try {
    // A group of its own, so that its helper processes end with it.
    child = spawn(
      browser,
      [...flags, `--user-data-dir=${profile}`, "--enable-logging=stderr", `http://127.0.0.1:${port}/`],
      {
        detached: true,
        stdio: ["ignore", "ignore", "pipe"],
      },
    )
    child.stderr!.on("data", (text: Buffer) => {
      said = (said + text.toString()).slice(-4000)
    })
    child.on("error", settle!.reject)
    child.on("exit", (code) => settle!.reject(new Error(`the browser ended with ${code}: ${said}`)))
    return await result
  } finally {
    clearTimeout(timer)
    if (child?.pid !== undefined && child.exitCode === null) {
      const ended = new Promise((resolve) => child!.once("exit", resolve))
      process.kill(-child.pid, "SIGKILL")
      await ended
    }
    server.closeAllConnections()
    server.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}
