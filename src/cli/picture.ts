/** A picture in the terminal: two pixels a character, as upper half blocks in colour. */
import type { Raster } from "../io/png.ts"

/** The raster as text no wider than `columns` characters; every second row of pixels is the background of the first. */
export function terminalPicture({ width, height, channels, data }: Raster, columns: number): string {
  const scale = Math.max(1, Math.ceil(width / columns))
  const at = (x: number, y: number): [number, number, number] => {
    const sums = [0, 0, 0]
    let count = 0
    for (let dy = 0; dy < scale; dy++) {
      for (let dx = 0; dx < scale; dx++) {
        const [px, py] = [x * scale + dx, y * scale + dy]
        if (px >= width || py >= height) continue
        count++
        for (let c = 0; c < 3; c++) sums[c] += data[(py * width + px) * channels + (channels === 3 ? c : 0)]
      }
    }
    return sums.map((s) => (count === 0 ? 0 : Math.round(s / count))) as [number, number, number]
  }
  const lines: string[] = []
  for (let y = 0; y < Math.floor(height / scale); y += 2) {
    let line = ""
    for (let x = 0; x < Math.floor(width / scale); x++) {
      line += `\x1b[38;2;${at(x, y).join(";")}m\x1b[48;2;${at(x, y + 1).join(";")}m▀`
    }
    lines.push(`${line}\x1b[0m`)
  }
  return lines.join("\n")
}
