/** A member that has ended, whose ID another port has by now. */
import { assert, describe, it } from "@effect/vitest"
import { Group } from "../../../src/internal/global/group.ts"
import type { Watcher } from "../../../src/internal/port/receiver.ts"
import { exitFromReason, type Reason } from "../../../src/internal/values/reason.ts"

const far = "far#worker"
const near = "near#worker"

const look = () => {
  const watchers = new Map<string, Watcher>()
  const echoes: Array<() => void> = []
  const group = new Group({
    nodeId: "near",
    isUp: () => true,
    drains: () => false,
    monotonic: () => 0,
    roundTripMillis: () => undefined,
    monitor: (port, watcher) => {
      watchers.set(port, watcher)
      return () => watchers.delete(port)
    },
    echo: (_nodeId, answered) => void echoes.push(answered)
  }, () => {})
  return {
    group,
    echoes,
    ends: (port: string, ...reason: Reason) => {
      const watcher = watchers.get(port)
      watchers.delete(port)
      watcher?.(exitFromReason(port, reason))
    },
    tells: (...keys: ReadonlyArray<string>) =>
      group.familyChanged({
        entries: new Map(keys.map((key) => [key, null])),
        added: [],
        changed: keys,
        deleted: []
      }),
    forgets: (key: string) => group.familyChanged({ entries: new Map(), added: [], changed: [], deleted: [key] })
  }
}

/** A view of a group whose member was chosen, and has ended. */
const afterTheEnd = () => {
  const view = look()
  view.tells(far)
  assert.strictEqual(view.group.choose("random", 0), far)
  view.ends(far, "killed")
  assert.deepStrictEqual(view.group.members, [])
  return view
}

describe("a member that has ended, as it is said", () => {
  it("is one again when its node has answered, and has not said that it is dead", () => {
    const { echoes, group, tells } = afterTheEnd()
    tells(far)
    assert.deepStrictEqual(group.members, [])
    echoes[0]?.()
    assert.deepStrictEqual(group.members, [far])
  })

  it("is one again when that was said of the one before it, late, and the database tells nothing new", () => {
    const { echoes, group } = afterTheEnd()
    echoes[0]?.()
    assert.deepStrictEqual(group.members, [far])
  })

  it("is not asked for again when its node says that it is dead, whatever it says of why", () => {
    const { echoes, ends, group } = afterTheEnd()
    for (let i = 0; i < 3; i++) ends(far, "killed")
    assert.strictEqual(echoes.length, 1)
    echoes[0]?.()
    assert.deepStrictEqual(group.members, [])
  })

  it("is none when its node says that it is dead, and then answers", () => {
    const { echoes, ends, group, tells } = afterTheEnd()
    tells(far)
    ends(far, "no_such_port")
    echoes[0]?.()
    assert.deepStrictEqual(group.members, [])
  })

  it("is asked for again after each news, and no earlier answer counts", () => {
    const { echoes, ends, group, tells } = afterTheEnd()
    tells(far)
    ends(far, "no_such_port")
    tells(far)
    echoes[0]?.()
    assert.deepStrictEqual(group.members, [])
    echoes[1]?.()
    assert.deepStrictEqual(group.members, [far])
  })

  it("is asked for when its node comes back that was lost meanwhile", () => {
    const { echoes, ends, group, tells } = afterTheEnd()
    tells(far)
    ends(far, "transport_error", "far", "lost")
    group.nodeUp("far")
    echoes[0]?.()
    assert.deepStrictEqual(group.members, [])
    echoes[1]?.()
    assert.deepStrictEqual(group.members, [far])
  })

  it("is as new when the database has forgotten it in between", () => {
    const { forgets, group, tells } = afterTheEnd()
    forgets(far)
    tells(far)
    assert.deepStrictEqual(group.members, [far])
  })

  it("is there at once where this very node has registered it", () => {
    const { ends, group } = look()
    const registered = { set: new Map([[near, null]]), deleted: [] }
    group.ownChanged(registered)
    ends(near, "killed")
    assert.deepStrictEqual(group.members, [])
    group.ownChanged(registered)
    assert.deepStrictEqual(group.members, [near])
    ends(near, "killed")
    assert.deepStrictEqual(group.members, [])
  })
})
