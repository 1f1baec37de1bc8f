/**
 * A service that is to run in one process at a time, as voters have it. It crashes, is killed, has messages in hand that take for ever, and parts in
 * it come and go; it tells when it begins to run, and when nothing of it is left.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"
import * as Supervisor from "../../src/Supervisor.ts"
import type { Checker } from "./checker.ts"
import { type LockPart, makeNames, type Member, type Services } from "./member.ts"
import { OnPurpose } from "./onPurpose.ts"
import { hashText, type SeededRandom } from "./random.ts"
import type { Life } from "./trace.ts"

const service = "the service"

const graceMillis = 800
/** What is left of a lease at least when what it is for has to begin to stop. Where a process stood still meanwhile it has as much once it goes on. */
const stoppingMillis = 250
/** So long the service takes at most to release what it has. */
const slowest = 90

const actions = { work: 8, long: 3, crash: 3, kill: 2, leave: 2 }

export class ServiceUser {
  private readonly member: Member
  private readonly voters: ReadonlyArray<string>
  private readonly random: SeededRandom
  private readonly leisure: number
  private readonly name: (kind: string) => string
  private readonly over = Deferred.makeUnsafe<void>()
  /** From when on nothing takes its time: whoever ends all of it waits for that. */
  private readonly hurry = Deferred.makeUnsafe<void>()
  private part: Supervisor.Failover | undefined = undefined
  /** Runs that have begun here and are not over. */
  private present = 0
  private isActing = true

  constructor(member: Member, { leisure, random, voters }: LockPart) {
    this.member = member
    this.voters = voters
    this.leisure = leisure
    this.random = random.derive("service")
    this.name = makeNames(member.life)
  }

  get act(): Effect.Effect<void, never, Services> {
    return Effect.raceFirst(Effect.all([this.takePart, this.disturb], { concurrency: 2 }), Deferred.await(this.over))
      .pipe(Effect.asVoid)
  }

  /** Takes part again whenever its part has ended, whoever has ended it. */
  private get takePart(): Effect.Effect<never, never, Services> {
    const { random } = this
    return Effect.forever(Effect.gen({ self: this }, function*() {
      // A process that stops waits for what is in its scope.
      const scope = yield* Scope.fork(yield* Effect.scope)
      const part = Effect.gen({ self: this }, function*() {
        this.part = yield* Effect.orDie(Supervisor.failover(this.service, this.options))
        yield* Effect.exit(this.part.await)
        this.part = undefined
      })
      yield* Effect.onExit(Scope.provide(part, scope), (exit) => Scope.close(scope, exit))
      yield* Effect.sleep(random.between(1, 300))
    }))
  }

  private get options(): Supervisor.FailoverOptions {
    const { random } = this
    const nodes = this.member.directory.nodes()
    // All have to agree on it.
    const prefer = hashText(nodes.join()) % 2 === 0 ? nodes[0] : undefined
    return {
      name: "simulation",
      nodes,
      prefer,
      voters: this.voters,
      lease: "2 seconds",
      grace: graceMillis,
      joinTimeout: "2 seconds",
      intensity: random.pick([2, 1000])!,
      shutdown: random.pick(["brutal", 50, "infinity"] as const)!
    }
  }

  private get service(): Effect.Effect<Port.PortId, never, Node.Node | Scope.Scope> {
    const { emit, life } = this.member
    const { random } = this
    return Effect.gen({ self: this }, function*() {
      const run = this.name("run")
      const token = (yield* Supervisor.FencingToken) ?? 0
      const up = Effect.sync(() => {
        this.present++
        emit({ _tag: "ServiceUp", life, service, run, token })
      })
      const over = Effect.sync(() => {
        this.present--
        emit({ _tag: "ServiceOver", life, service, run })
      })
      // A process that stops may not wait for it, if it takes longer than the service's time to stop.
      yield* Effect.acquireRelease(up, () => Effect.andThen(this.release, over))
      // Some starts take longer than the lease may last.
      yield* random.chance(0.2) ? this.takeTime(random.between(1, 2 * graceMillis)) : this.pause
      return yield* Port.make({
        work: () => Effect.void,
        long: () => this.takeTime(random.pick([100, 3_600_000])!),
        crash: () => Effect.die(new OnPurpose("a service"))
      })
    })
  }

  private takeTime(millis: number): Effect.Effect<void> {
    return Effect.raceFirst(Effect.sleep(millis), Deferred.await(this.hurry))
  }

  private get pause(): Effect.Effect<void> {
    return Effect.raceFirst(this.release, Deferred.await(this.hurry))
  }

  private get release(): Effect.Effect<void> {
    const { random } = this
    return Effect.suspend(() => random.chance(0.5) ? Effect.void : Effect.sleep(random.between(1, slowest)))
  }

  private get disturb(): Effect.Effect<void, never, Services> {
    const { leisure, random } = this
    return Effect.gen({ self: this }, function*() {
      while (this.isActing) {
        yield* Effect.sleep(leisure * random.between(20, 1_000))
        const { part } = this
        if (part === undefined || !this.isActing) continue
        const action = random.weighted(actions)
        yield* action === "leave" ? part.stop : this.send(part, action)
      }
    })
  }

  private send(
    { port }: Supervisor.Failover,
    what: Exclude<keyof typeof actions, "leave">
  ): Effect.Effect<void, never, Services> {
    const kill = what === "kill"
    return Effect.matchEffect(Effect.timeout(port, 100), {
      onFailure: () => Effect.void,
      onSuccess: (id) => kill ? Port.kil(id, "killed", this.name("service")) : Port.snd(id, what)
    })
  }

  rest(): void {
    this.isActing = false
  }

  /** Where it runs as this process sees it, and how often it runs here. */
  get seen(): { readonly where: string | undefined; readonly present: number } {
    const { part, present } = this
    return { where: part && Effect.runSync(part.where), present }
  }

  /** The process is about to stop. */
  leave(): void {
    this.rest()
    Deferred.doneUnsafe(this.hurry, Effect.void)
  }

  /** Waits until nothing of the service is left here. */
  get gone(): Effect.Effect<void> {
    return Effect.whileLoop({ while: () => this.present > 0, body: () => Effect.sleep(1), step: () => {} })
  }

  get stop(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.leave()
      Deferred.doneUnsafe(this.over, Effect.void)
    })
  }
}

interface Run {
  readonly life: Life
  readonly service: string
  /** The process stood still while another one began to run the service: it has to be over by then. */
  overBy: number | undefined
}

/**
 * A service runs once at a time, as those see it who run it, and so does an entity; and its tokens count up where no clock was set. Whoever stands
 * still does not run it, and has to stop at once when it goes on.
 */
export const services = (): Checker => {
  const runs = new Map<string, Run>()
  /** When a process has gone on that stood still; those that do so now go on later than ever. */
  const wentOn = new Map<Life, number>()
  let last = { life: "", token: 0 }
  let isClockSet = false
  const allowance = (life: Life): number => (wentOn.get(life) ?? -Infinity) + stoppingMillis
  return (event) => {
    const now = event.at
    for (const [run, { life, overBy }] of runs) {
      if (overBy !== undefined && wentOn.get(life) !== Infinity && now > Math.max(overBy, allowance(life))) {
        return `${run} goes on for too long after ${life} stood still, and another one has begun`
      }
    }
    switch (event._tag) {
      case "Fault":
        if (event.what.startsWith("jump")) isClockSet = true
        return undefined
      case "Stood":
        wentOn.set(event.life, Infinity)
        return undefined
      case "WentOn":
        wentOn.set(event.life, now)
        return undefined
      case "Crashed":
      case "Stopped":
        for (const [run, { life }] of runs) {
          if (life !== event.life) continue
          runs.delete(run)
          if (event._tag === "Stopped") return `${life} has stopped, and ${run} has not`
        }
        return undefined
      case "ServiceOver":
        runs.delete(event.run)
        return undefined
      case "ServiceUp": {
        const { life, run, service, token } = event
        for (const [other, state] of runs) {
          if (state.service !== service) continue
          if (state.life === life || now > allowance(state.life)) return `${run} begins, and ${other} has not ended`
          state.overBy = now
        }
        runs.set(run, { life, service, overBy: undefined })
        if (token === undefined) return undefined
        const before = last
        last = { life, token }
        const isNew = token > before.token || life === before.life && token === before.token
        return isNew || isClockSet ? undefined : `${run} has the token ${token}, after ${before.token}`
      }
      default:
        return undefined
    }
  }
}
