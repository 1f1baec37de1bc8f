import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  type Handler,
  handlerOf,
  type Handlers,
  withHandler,
  withoutHandler
} from "../../../src/internal/port/handlers.ts"

describe("the handlers of a port", () => {
  const tags = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] as const
  const Steps = Schema.Array(Schema.Tuple([Schema.Literals(["add", "replace", "remove"]), Schema.Literals(tags)]))

  it.prop("are found as in a Map, whatever is added, replaced and removed", [Steps], ([steps]) => {
    const model = new Map<string, Handler>()
    let handlers: Handlers = undefined
    for (const [what, tag] of [...tags.map((tag) => ["add", tag] as const), ...steps, ...steps]) {
      if (what === "remove") {
        model.delete(tag)
        handlers = withoutHandler(handlers, tag)
      } else {
        const handler = (): void => {}
        model.set(tag, handler)
        handlers = withHandler(handlers, tag, handler)
      }
      for (const each of tags) assert.strictEqual(handlerOf(handlers, each), model.get(each))
    }
  })

  it.prop("are found in a list that is short", [Steps], ([steps]) => {
    let handlers: Handlers = undefined
    const model = new Map<string, Handler>()
    for (const [what, tag] of steps.filter(([what]) => what !== "remove").slice(0, 10)) {
      const handler = (): string => what
      model.set(tag, handler)
      handlers = withHandler(handlers, tag, handler)
      for (const each of tags) assert.strictEqual(handlerOf(handlers, each), model.get(each))
    }
  })
})
