/** Graphs within graphs: whose the initializers are, and names from around. */
import { expect, test } from "vitest"
import { fromNumbers } from "../array.ts"
import { initializersOf, neededFor, renamedNode, settled } from "./arrange.ts"
import type { OnnxGraph, OnnxNode } from "./model.ts"

const node = (inputs: string[], outputs: string[], graph?: OnnxGraph): OnnxNode => ({
  name: "",
  type: "Op",
  domain: "",
  inputs,
  outputs,
  attributes: graph === undefined ? {} : { body: { graph } },
})
const graphOf = (nodes: OnnxNode[], outputs: string[], initializers: string[] = []): OnnxGraph => ({
  name: "g",
  nodes,
  initializers: new Map(initializers.map((name) => [name, fromNumbers("float32", [], [1])])),
  inputs: [],
  outputs: outputs.map((name) => ({ name, dtype: "float32", shape: [] })),
})
const names = (graph: OnnxGraph): string[] => [...graph.initializers.keys()]
const within = ({ attributes: { body } }: OnnxNode): OnnxGraph => ("graph" in body ? body.graph : graphOf([], []))

test("an initializer goes to the one graph that uses it, however deep, and stays where several do", () => {
  const inner = graphOf([node(["a", "deep"], ["b"])], ["b"])
  const body = graphOf([node(["x", "own", "both", "shared"], ["a"]), node([], ["c"], inner)], ["c"])
  const other = graphOf([node(["shared"], ["d"])], ["d"])
  const nodes = [node(["both", "top"], ["x"]), node(["x"], ["y"], body), node(["y"], ["z"], other)]
  const done = settled(graphOf(nodes, ["z"], ["top", "both", "own", "deep", "shared"]))
  expect(names(done)).toEqual(["top", "both", "shared"])
  expect(names(within(done.nodes[1]))).toEqual(["own"])
  expect(names(within(within(done.nodes[1]).nodes[1]))).toEqual(["deep"])
  expect(names(within(done.nodes[2]))).toEqual([])
  expect(initializersOf(done).length).toBe(5)
})

test("what a graph within takes from around is needed, and renamed with it", () => {
  const holder = node(["x"], ["y"], graphOf([node(["x", "far"], ["a"])], ["a"]))
  const nodes = [node(["w"], ["far"]), node(["w"], ["idle"]), holder]
  const { used, needed } = neededFor(nodes, ["y"])
  expect(used).toEqual([nodes[0], holder])
  expect(needed.has("far") && !needed.has("idle")).toBe(true)
  const renamed = renamedNode(holder, (name) => (name === "far" || name === "y" ? `${name}!` : name))
  expect(renamed.outputs).toEqual(["y!"])
  expect(within(renamed).nodes[0].inputs).toEqual(["x", "far!"])
})
