/**
 * Supervisors with children on any node: they are made, stopped and killed by chance, and so are their children. What each child's node
 * knows of it is told as events.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { Router } from "../../src/internal/node/router.ts"
import { leftoversOf } from "../../src/internal/supervisor/spawnOn.ts"
import type * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"
import * as Supervisor from "../../src/Supervisor.ts"
import { makeNames, type Member, type Services } from "./member.ts"
import type { SeededRandom } from "./random.ts"

/** Makes a child: with the names of its supervisor and its own, and how many there may be of it. */
const makeChild = Port.remote("simulation::child")

/** How many supervisors a process has at most. */
const supervisorLimit = 3

const actions = { make: 6, pool: 3, dynamic: 4, grow: 8, killChild: 6, restart: 4, kill: 3, stop: 2 }

/** A supervisor of this process. */
interface Led {
  readonly name: string
  readonly handle: Supervisor.Handle
  readonly scope: Scope.Closeable
  /** Of a pool: how many children it is to have, and on which nodes. */
  readonly wants?: { readonly size: number; readonly nodes: ReadonlyArray<string>; readonly isEven: boolean }
  /** Starts one more child, where that can be. */
  readonly grow: Effect.Effect<unknown, unknown>
  /** Ends a child and starts it again, where that can be. */
  readonly restart: (id: string) => Effect.Effect<unknown, unknown>
}

export class Supervisors {
  private readonly member: Member
  private readonly random: SeededRandom
  private readonly router: Router
  private readonly run: (effect: Effect.Effect<unknown, never, Services>) => void
  private readonly name: (kind: string) => string
  private readonly all = new Map<string, Led>()
  private isActing = true

  constructor(
    member: Member,
    random: SeededRandom,
    router: Router,
    run: (effect: Effect.Effect<unknown, never, Services>) => void
  ) {
    this.member = member
    this.random = random
    this.router = router
    this.run = run
    this.name = makeNames(member.life)
  }

  rest(): void {
    this.isActing = false
  }

  /** Lets others have children here. */
  get moveIn(): Effect.Effect<void, never, Services> {
    const { emit, life } = this.member
    const serve = Port.implement(
      makeChild,
      (supervisor: string, child: string, most: number) =>
        Effect.map(Port.Self, (port) => {
          emit({ _tag: "ChildUp", life, port, supervisor, child, most })
          this.router.monitor(port, () => emit({ _tag: "ChildOver", life, port }))
          return { work: () => {} }
        })
    )
    return Effect.gen({ self: this }, function*() {
      // It is there as long as the node, which nobody looks at when it has ended: but we do.
      const kept = leftoversOf(this.router)
      yield* Effect.addFinalizer(() => Effect.sync(() => this.router.listeners.delete(kept)))
      yield* Layer.buildWithScope(serve, yield* Effect.scope)
    })
  }

  get act(): Effect.Effect<void, never, Services> {
    return Effect.gen({ self: this }, function*() {
      while (this.isActing) {
        yield* Effect.sleep(this.random.between(0, 3 * this.member.pace))
        if (this.isActing) this.run(this.once(this.random.weighted(actions)))
      }
    })
  }

  get stopAll(): Effect.Effect<void> {
    return Effect.forEach(Array.from(this.all.values()), (led) => this.stop(led), { discard: true })
  }

  /** What is wrong with its pools, when all is quiet and there are these nodes. */
  wrong(present: ReadonlyArray<string>): ReadonlyArray<string> {
    return Array.from(this.all.values()).flatMap(({ handle, name, wants }) => {
      const nodes = wants?.nodes.filter((node) => present.includes(node)) ?? []
      if (wants === undefined || nodes.length === 0) return []
      const ports = Effect.runSync(handle.which).flatMap(({ port }) => port ?? [])
      const counts = nodes.map((node) => ports.filter((port) => Port.nodeOf(port) === node).length)
      if (counts.reduce((sum, count) => sum + count, 0) !== wants.size) {
        return [`${name} has ${counts.join(" + ")} children on ${nodes.join(", ")}, of ${wants.size}`]
      }
      const isUneven = wants.isEven && Math.max(...counts) - Math.min(...counts) > 1
      return isUneven ? [`${name} is uneven: ${counts.join(" + ")} children on ${nodes.join(", ")}`] : []
    })
  }

  private once(action: keyof typeof actions): Effect.Effect<unknown, never, Services> {
    const led = this.random.pick(Array.from(this.all.values()))
    switch (action) {
      case "make":
        return this.lead((name) => this.fixed(name))
      case "pool":
        return this.lead((name) => this.pool(name))
      case "dynamic":
        return this.lead((name) => this.dynamic(name))
      case "grow":
        return led === undefined ? Effect.void : Effect.ignore(led.grow)
      case "killChild":
        return this.withChild(led, ({ port }) => port === undefined ? Effect.void : Port.kil(port, "killed", led?.name))
      case "restart":
        return this.withChild(led, ({ id }) => led === undefined ? Effect.void : Effect.ignore(led.restart(id)))
      case "kill":
        return led === undefined ? Effect.void : Port.kil(led.handle.supervisor, "killed", led.name)
      case "stop":
        return led === undefined ? Effect.void : this.stop(led)
    }
  }

  private withChild(
    led: Led | undefined,
    act: (child: Supervisor.ChildInfo) => Effect.Effect<unknown, never, Services>
  ): Effect.Effect<unknown, never, Services> {
    if (led === undefined) return Effect.void
    return Effect.flatMap(led.handle.which, (children) => {
      const child = this.random.pick(children)
      return child === undefined ? Effect.void : act(child)
    })
  }

  private stop({ name, scope }: Led): Effect.Effect<void> {
    this.all.delete(name)
    return Scope.close(scope, Exit.void)
  }

  /** Makes a supervisor in a scope of its own, and tells that it is there, and when it is not any more. */
  private lead(
    make: (name: string) => Effect.Effect<Omit<Led, "name" | "scope">, unknown, Node.Node | Scope.Scope>
  ): Effect.Effect<void, never, Services> {
    const { emit, life } = this.member
    if (this.all.size >= supervisorLimit) return Effect.void
    const supervisor = this.name("supervisor")
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      // Its first children may be there before it has told its port.
      emit({ _tag: "SupervisorUp", life, supervisor })
      const exit = yield* Effect.exit(Scope.provide(make(supervisor), scope))
      const over = (): void => {
        this.all.delete(supervisor)
        emit({ _tag: "SupervisorOver", life, supervisor })
      }
      if (Exit.isFailure(exit)) {
        over()
        return yield* Scope.close(scope, exit)
      }
      const led = { ...exit.value, name: supervisor, scope }
      this.all.set(supervisor, led)
      this.router.monitor(led.handle.supervisor, () => {
        over()
        this.run(Scope.close(scope, Exit.void))
      })
    })
  }

  private get limits() {
    return {
      intensity: this.random.pick([2, 20, 1000])!,
      period: "10 seconds",
      shutdown: this.random.pick(["brutal", "200 millis", "1 second"] as const)!,
      schedule: this.random.chance(0.5) ? Schedule.spaced(this.random.int(1, 300)) : undefined
    } as const
  }

  /** Any of the nodes, in any order. */
  private get nodes(): ReadonlyArray<string> {
    const nodes = this.random.shuffle(this.member.directory.nodes())
    return nodes.slice(0, this.random.int(1, nodes.length))
  }

  private start(name: string, id: string) {
    return Supervisor.spawn(this.nodes, makeChild, name, `${name}/${id}`, 1)
  }

  private fixed(name: string) {
    const { limits } = this
    const children = ["a", "b", "c"].slice(0, this.random.int(1, 3)).map((id) => ({
      id,
      shutdown: limits.shutdown,
      schedule: limits.schedule,
      start: this.start(name, id)
    }))
    const strategy = this.random.pick(["one_for_one", "one_for_all", "rest_for_one"] as const)
    return Effect.map(Supervisor.make({ ...limits, name, strategy, children }), (handle: Supervisor.Supervisor) => ({
      handle,
      grow: Effect.void,
      restart: (id: string) => Effect.andThen(handle.terminateChild(id), handle.restartChild(id))
    }))
  }

  private dynamic(name: string) {
    const template = {
      ...this.limits,
      name,
      restart: this.random.pick(["permanent", "temporary"] as const),
      maxChildren: 4,
      start: (id: string) => this.start(name, id)
    }
    return Effect.map(Supervisor.dynamic(template), (handle) => ({
      handle,
      grow: Effect.suspend(() => handle.startChild(this.name("child"))),
      restart: (id: string) =>
        Effect.flatMap(handle.which, (children) => {
          const port = children.find((child) => child.id === id)?.port
          return port === undefined ? Effect.void : handle.terminateChild(port)
        })
    }))
  }

  private pool(name: string) {
    const size = this.random.int(1, 4)
    const options = { ...this.limits, name, size, on: this.nodes, spread: this.random.pick(["even", "stay"] as const) }
    const wants = { size, nodes: options.on, isEven: options.spread === "even" }
    return Effect.map(Supervisor.pool(makeChild, options, name, `${name}/any`, size), (handle) => ({
      handle,
      wants,
      grow: Effect.void,
      restart: () => Effect.void
    }))
  }
}
