/**
 * What a process does with the database: it sets and deletes keys that nobody else sets, and reads families.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Global from "../../src/Global.ts"
import type { Member } from "./member.ts"

export const families = ["fish", "fowl"]

/** A key of ours. */
interface Held {
  readonly family: string
  readonly key: string
  readonly scopes: Array<Scope.Closeable>
}

export class Database {
  private readonly member: Member
  private readonly nodeId: string
  private readonly name: (kind: string) => string
  /** By family and key: the scopes in which it was set, again and again. */
  private readonly held = new Map<string, Held>()

  /** What following the families has led to, by name. */
  readonly followed = new Map<string, ReadonlyMap<string, unknown>>()

  constructor(member: Member, nodeId: string, name: (kind: string) => string) {
    this.member = member
    this.nodeId = nodeId
    this.name = name
  }

  /** Sets one of our keys to something new. The keys are those of the node's earlier lives. */
  get setAny(): Effect.Effect<void, never, Global.Global | Scope.Scope> {
    const { emit, life, random } = this.member
    const family = random.pick(families)!
    const key = `${this.nodeId}:${random.int(1, 4)}`
    const place = `${family} ${key}`
    return Effect.gen({ self: this }, function*() {
      const held = this.held.get(place) ?? { family, key, scopes: [] }
      this.held.set(place, held)
      // In the scope of the last value, or in another one.
      const last = held.scopes.at(-1)
      const scope = last !== undefined && random.chance(0.5) ? last : yield* Scope.fork(yield* Effect.scope)
      if (scope !== last) held.scopes.push(scope)
      const value = this.name("v")
      emit({ _tag: "Set", life, family, key, value })
      yield* Effect.orDie(Scope.provide(Global.set(family, key, value), scope))
    })
  }

  /** Deletes one of our keys. */
  get deleteAny(): Effect.Effect<void, never, Global.Global> {
    return Effect.suspend(() => this.delete(this.member.random.pick([...this.held.values()])))
  }

  get deleteAll(): Effect.Effect<void, never, Global.Global> {
    return Effect.suspend(() => Effect.forEach([...this.held.values()], (held) => this.delete(held), { discard: true }))
  }

  /** By name, or by closing what it was set in. */
  private delete(held: Held | undefined): Effect.Effect<void, never, Global.Global> {
    const { emit, life, random } = this.member
    return Effect.gen({ self: this }, function*() {
      if (held === undefined) return
      const { family, key, scopes } = held
      this.held.delete(`${family} ${key}`)
      emit({ _tag: "Deleted", life, family, key })
      if (random.chance(0.5)) yield* Effect.orDie(Global.del(family, key))
      // Each of them deletes the key: it must not be set again meanwhile.
      for (const scope of scopes) yield* Scope.close(scope, Exit.void)
    })
  }

  /** Follows all families, for as long as the process lives. */
  get follow(): Effect.Effect<void, never, Global.Global> {
    return Effect.forEach(
      families,
      (family) =>
        Stream.runForEach(Stream.orDie(Global.mon(family)), ({ entries }) =>
          Effect.sync(() => {
            this.followed.set(family, entries)
          })),
      { concurrency: "unbounded", discard: true }
    )
  }

  /** All entries of a family, as this node sees them. Waits while there is no master. */
  read(family: string): Effect.Effect<ReadonlyMap<string, unknown>, never, Global.Global> {
    return Effect.orDie(Effect.retry(Global.family(family), { while: ({ _tag }) => _tag === "NoMaster" }))
  }
}
