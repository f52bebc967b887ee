/** ONNX activations that are compositions of our ops. */
import { elu, gelu, leakyRelu, mish, silu } from "../fused/activation.ts"
import type { Importer, ImportSite } from "../graph.ts"
import { greater, less, where } from "../ops/compare.ts"
import { abs, atan, cos, exp, log, maximum, minimum, relu, sigmoid, sin, sqrt } from "../ops/elementwise.ts"
import type { Tensor } from "../tensor.ts"

/** Bounds: attributes before operator set 11, inputs since. */
function readClip(site: ImportSite): Tensor {
  const bound = (name: string, index: number): Tensor | number | undefined => {
    const value = site.attribute(name)
    if (value === undefined) return site.inputs[index] ?? undefined
    return "float" in value ? value.float : site.fail(`${name} is no number`)
  }
  const [low, high] = [bound("min", 1), bound("max", 2)]
  const x = site.input(0)
  const raised = low === undefined ? x : maximum(x, low)
  return high === undefined ? raised : minimum(raised, high)
}

function hardSigmoid(x: Tensor, alpha: number, beta: number): Tensor {
  return maximum(minimum(x.mul(alpha).add(beta), 1), 0)
}

function arcsine(x: Tensor): Tensor {
  return atan(x.div(sqrt(x.square().neg().add(1))))
}

function readShrink(site: ImportSite): Tensor {
  const x = site.input(0)
  const [bias, bound] = [site.float("bias", 0), site.float("lambd", 0.5)]
  return where(greater(x, bound), x.sub(bias), where(less(x, -bound), x.add(bias), 0))
}

const one = (type: string, read: (x: Tensor, site: ImportSite) => Tensor): Importer => ({
  type,
  read: (site) => read(site.input(0), site),
})

/** Activations. */
export const activationImporters: readonly Importer[] = [
  { type: "Clip", settings: [1, 2], read: readClip },
  one("LeakyRelu", (x, site) => leakyRelu(x, site.float("alpha", 0.01))),
  one("PRelu", (x, site) => relu(x).sub(relu(x.neg()).mul(site.input(1)))),
  one("ThresholdedRelu", (x, site) => where(greater(x, site.float("alpha", 1)), x, 0)),
  one("Elu", (x, site) => elu(x, site.float("alpha", 1))),
  one("Celu", (x, site) => {
    const alpha = site.float("alpha", 1)
    return elu(x.div(alpha)).mul(alpha)
  }),
  one("Selu", (x, site) =>
    elu(x, site.float("alpha", 1.6732631921768188)).mul(site.float("gamma", 1.0507010221481323)),
  ),
  one("HardSigmoid", (x, site) => hardSigmoid(x, site.float("alpha", 0.2), site.float("beta", 0.5))),
  one("HardSwish", (x) => x.mul(hardSigmoid(x, 1 / 6, 0.5))),
  one("Softsign", (x) => x.div(abs(x).add(1))),
  one("Mish", mish),
  one("Gelu", (x, site) => {
    const form = site.text("approximate", "none")
    if (form !== "none" && form !== "tanh") site.fail(`approximate is ${JSON.stringify(form)}, expected none or tanh`)
    return gelu(x, { approximate: form === "tanh" })
  }),
  one("Swish", (x, site) => {
    const alpha = site.float("alpha", 1)
    return alpha === 1 ? silu(x) : x.mul(sigmoid(x.mul(alpha)))
  }),
  { type: "Shrink", read: readShrink },
  one("Tan", (x) => sin(x).div(cos(x))),
  one("Asin", arcsine),
  one("Acos", (x) =>
    arcsine(x)
      .neg()
      .add(Math.PI / 2),
  ),
  one("Asinh", (x) => {
    // By the size of x, since for large negative ones the sum would cancel.
    const isBelow = less(x, 0)
    const size = where(isBelow, x.neg(), x)
    const y = log(size.add(sqrt(size.square().add(1))))
    return where(isBelow, y.neg(), y)
  }),
  one("Acosh", (x) => log(x.add(sqrt(x.square().sub(1))))),
  one("Atanh", (x) => log(x.add(1).div(x.neg().add(1))).mul(0.5)),
  one("Sinh", (x) => exp(x).sub(exp(x.neg())).mul(0.5)),
  one("Cosh", (x) => exp(x).add(exp(x.neg())).mul(0.5)),
]
