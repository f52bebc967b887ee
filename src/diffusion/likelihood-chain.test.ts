import { expect, test } from "vitest"
import { consistencyBound, denoisingBound, type LinearChain, logEvidence } from "./likelihood-chain.ts"
import { gaussian } from "./process.ts"
import { schedule } from "./schedule.ts"
const five: LinearChain = {
  process: gaussian(schedule("five", [0.1, 0.2, 0.3, 0.4, 0.5])),
  steps: new Array(5).fill({ weight: 0.85, variance: 0.3 }),
}
test("x", () => {
  console.log(denoisingBound(five, 0.8).total, consistencyBound(five, 0.8).total, consistencyBound(five, 0.8, { asPrinted: true }).total, logEvidence(five, 0.8))
})
