/**
 * The database of a global node among nodes of our kind and of others: what it tells must lead others to what some node has.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type Change, sameValue, Shards } from "../../../src/internal/global/shards.ts"
import { sized } from "../../size.ts"

const slaves = ["a", "b", "c"]
const keys = ["x", "y"]

/** Slaves of ours, and two nodes behind global nodes of another kind. */
const Node = Schema.Literals(["a", "b", "c", "p", "q"])
const Key = Schema.Literals(["x", "y"])
const Step = Schema.Union([
  Schema.Tuple([Schema.Literal("set"), Node, Key, Schema.Literals([0, 1, 2])]),
  Schema.Tuple([Schema.Literal("delete"), Node, Key]),
  Schema.Tuple([Schema.Literal("down"), Node])
])
const Steps = Schema.Array(Step).pipe(Schema.check(Schema.isMaxLength(20)))

const make = (isStamped: (node: string) => boolean) => {
  const shards = new Shards()
  const join = (node: string): void => {
    if (!slaves.includes(node)) return
    shards.addSlave(node)
    if (isStamped(node)) shards.begin(node, undefined, [1, 1])
  }
  for (const node of slaves) join(node)
  /** What each node has set. */
  const owned = new Map<string, Map<string, unknown>>()
  /** What a global node of another kind has of us, and what a monitor has. */
  const told = { globals: new Map<string, unknown>(), monitors: new Map<string, unknown>() }
  const follow = (copy: Map<string, unknown>, change: Change | undefined): void => {
    change?.set.forEach((value, key) => copy.set(key, value))
    change?.deleted.forEach((key) => copy.delete(key))
  }
  const run = ([what, node, key = "x", value]: typeof Step.Type): void => {
    const own = owned.get(node) ?? new Map<string, unknown>()
    owned.set(node, own)
    if (what === "set") own.set(key, value)
    else if (what === "delete") own.delete(key)
    else owned.delete(node)
    const all = what === "down"
      ? Array.from(shards.drop(node).values())
      : [shards.update(node, "f", new Map(what === "set" ? [[key, value]] : []), what === "delete" ? [key] : [])]
    if (what === "down") join(node)
    for (const { globals, monitors } of all) {
      follow(told.globals, globals)
      follow(told.monitors, monitors)
    }
  }
  const valuesOf = (key: string, isOf: (node: string) => boolean): ReadonlyArray<unknown> =>
    Array.from(owned).filter(([node, own]) => isOf(node) && own.has(key)).map(([, own]) => own.get(key))
  return { run, shards, told, valuesOf }
}

describe("a global node among others of another kind", () => {
  for (
    const [title, isStamped] of [
      ["no slave is of our kind", () => false],
      ["one slave is of our kind", (node: string) => node === "a"],
      ["all slaves are of our kind", () => true]
    ] as const
  ) {
    it.prop(`tells nobody of what nobody has, and everybody of what somebody has: ${title}`, [Steps], ([steps]) => {
      const { run, shards, told, valuesOf } = make(isStamped)
      for (const step of steps) {
        run(step)
        for (const key of keys) {
          for (
            const [copy, values] of [
              [told.globals, valuesOf(key, (node) => slaves.includes(node))],
              [told.monitors, valuesOf(key, () => true)]
            ] as const
          ) {
            assert.strictEqual(copy.has(key), values.length > 0, key)
            if (copy.has(key)) assert.isTrue(values.some((value) => sameValue(value, copy.get(key))), key)
          }
          assert.isTrue(!told.monitors.has(key) || sameValue(told.monitors.get(key), shards.get("f", key)), key)
          const union = shards.ofSlaves().get("f")
          assert.isTrue(!told.globals.has(key) || sameValue(told.globals.get(key), union?.get(key)), key)
        }
      }
    }, { arbitrary: { runs: sized(500, 5000) } })
  }
})
