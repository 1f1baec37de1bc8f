/**
 * A port at run time: its mailbox, what handles it, and its end.
 *
 * A port at rest holds no fiber. What arrives is put in the mailbox, and the port in the run queue; its activation is
 * one fiber that handles all that waits, and ends. See `docs/architecture.md` for the figures that led here.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { readName } from "../values/portId.ts"
import {
  exitFromReason,
  Killed,
  type PortExit,
  type Reason,
  reasonFromCause,
  reasonFromExit,
  reasons
} from "../values/reason.ts"
import { runImmediately } from "./immediate.ts"
import { enqueue, passIsOver, type Runnable } from "./readyQueue.ts"
import { type Host, type Message, type Receiver, tellWatchers, type Watcher, Witness } from "./receiver.ts"

/** What handles a message. It gets the arguments one by one; a value that is no Effect counts as done. */
export type Handler = (...args: ReadonlyArray<any>) => unknown

/** Something that runs in the port's turn, between two messages. */
export type Task = () => Effect.Effect<unknown, unknown> | void

/** Why a message is refused: the reason that its port is killed with. */
export type Validate = (message: Message) => Reason | undefined

/** What a typed port speaks. */
export interface Protocol {
  /** Messages from other nodes are held against it. */
  readonly validate: Validate
  /** Which messages are answered: those that have a reply. */
  readonly messages: Readonly<Record<string, { readonly reply: unknown }>>
}

/** Re-exported as `Port.Self`, where it is documented. */
export class Self extends Context.Service<Self, string>()("effect-mp/Port/Self") {}

/** What a port needs once something runs in it. */
interface Life {
  /** The port's own scope: what handlers acquire is released when the port ends. */
  readonly scope: Scope.Closeable
  /** What handlers run in: the creator's services, `Self` and the port's Scope. */
  readonly context: Context.Context<never>
  /** Handles all that waits. Built once. */
  readonly activation: Effect.Effect<void, unknown>
}

/** Messages that are handled in one operation of a fiber, which yields to the event loop every 2048 operations. */
const stride = 8
const noMessages: Array<Message | Task> = []
const nothing = (): void => {}

export class Cell implements Receiver, Runnable {
  readonly id: string
  /** What the port was told to end with; the first reason wins. Its fibers and finalizers may still run. */
  doomed: PortExit | undefined = undefined
  protocol: Protocol | undefined = undefined
  private readonly host: Host
  /** What the port was made in. */
  private readonly creator: Context.Context<never>
  /** Ties the port to the scope that it was made in. */
  private tether: Scope.Closeable | undefined = undefined
  private readonly capacity: number
  /** Made by the first thing that runs in the port: most ports of a large program are at rest. */
  private life: Life | undefined = undefined
  private tags: Map<string, Handler> | undefined = undefined
  private fallback: Handler | undefined = undefined
  private watchers: Set<Watcher> | undefined = undefined
  private box: Array<Message | Task> = noMessages
  private batch: Array<Message | Task> = noMessages
  private index = 0
  /** In the run queue, or being run: it will look at the mailbox by itself. */
  private busy = false
  /** Only while an activation lasts. */
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined

  constructor(host: Host, id: string, capacity: number, context: Context.Context<never>) {
    this.host = host
    this.id = id
    this.capacity = capacity
    this.creator = context
  }

  get _tag(): "Port" {
    return "Port"
  }

  private live(): Life {
    if (this.life !== undefined) return this.life
    const scope = Scope.makeUnsafe()
    return this.life = {
      scope,
      context: Context.add(Context.add(untraced(this.creator), Self, this.id), Scope.Scope, scope),
      activation: Effect.whileLoop({
        while: () => this.more(),
        body: () => this.handleSome(),
        step: nothing
      })
    }
  }

  /** Kills the port when the scope closes, and waits for its end. When the port ends first, it closes the scope. */
  tie(tether: Scope.Closeable): void {
    this.tether = tether
    const stop = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
      Effect.withFiber((fiber) => {
        // Closed by the port's end.
        if (this.tether === undefined) return Exit.void
        this.tether = undefined
        const ended = Effect.callback<void>((resume) => {
          this.watch(() => resume(Effect.void))
          this.kill(reasonFromExit(exit))
        })
        if (Context.getOrUndefined(fiber.context, Self) !== this.id) return ended
        // Something in the port closes the scope: the port ends when that has left, which cannot wait for it.
        this.kill(reasonFromExit(exit))
        return Exit.void
      })
    Effect.runFork(Scope.addFinalizerExit(tether, stop))
  }

  /** Whether effects with this context may run in the port as they are. */
  isNative(context: Context.Context<never>): boolean {
    return context === this.creator || context === this.life?.context
  }

  /** A context with this port's `Self` and Scope. */
  contextOver<R>(context: Context.Context<R>): Context.Context<R> {
    return Context.add(Context.add(context, Self, this.id), Scope.Scope, this.live().scope) as Context.Context<R>
  }

  /** Adds, replaces or (with `undefined`) removes what handles a tag. */
  on(tag: string, handler: Handler | undefined): void {
    if (handler !== undefined) (this.tags ??= new Map()).set(tag, handler)
    else this.tags?.delete(tag)
  }

  /** Sets what handles all other messages. */
  onDefault(handler: Handler | undefined): void {
    this.fallback = handler
  }

  send(message: Message): void {
    if (this.doomed !== undefined) return
    if (this.capacity !== Infinity && this.box.length + this.batch.length - this.index >= this.capacity) {
      return this.kill(reasons.mailbox_overflow(this.capacity))
    }
    this.put(message)
  }

  sendForeign(message: Message): void {
    const refused = this.protocol?.validate(message)
    // In its turn, so that what came before it is still handled.
    if (refused === undefined) this.send(message)
    else this.enter(() => this.kill(refused))
  }

  /** Runs a task in the port's turn. Tasks are the port's own doing: a full mailbox takes them too. */
  enter(task: Task): void {
    if (this.doomed === undefined) this.put(task)
  }

  private put(item: Message | Task): void {
    if (this.box !== noMessages) this.box.push(item)
    else this.box = [item]
    if (!this.busy) {
      this.busy = true
      enqueue(this)
    }
  }

  kill(reason: Reason): void {
    this.doom(reason)
    // One that was told to finish what it has in hand has no more time for that.
    this.fiber?.interruptUnsafe()
  }

  /** Ends it when it is done with the message that it has in hand, if there is one. To kill it meanwhile ends that too. */
  finishAndEnd(reason: Reason): void {
    this.doom(reason)
  }

  watch(watcher: Watcher): () => void {
    const watchers = this.watchers ??= new Set()
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  }

  /** Begins the end: nothing more is handled; the rest happens in the run queue, so that chains of links do not recurse. */
  private doom(reason: Reason): void {
    if (this.doomed !== undefined) return
    const exit = exitFromReason(this.id, reason)
    this.doomed = exit
    this.host.ending(this, exit)
    Context.get(this.creator, Witness)?.sawEnd(this.id, exit)
    this.box = this.batch = noMessages
    if (this.fiber === undefined && !this.busy) {
      this.busy = true
      enqueue(this)
    }
  }

  run(): void {
    if (this.doomed !== undefined) return this.end(this.doomed)
    const { activation, context } = this.life ?? this.live()
    const fiber = Effect.runForkWith(context)(activation)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) this.activationEnded(exit)
    // A handler waits, or Effect's operation budget ran out: the rest of the mailbox waits with it.
    else fiber.addObserver((exit) => this.activationEnded(exit))
  }

  broken(error: unknown): void {
    this.host.unheard(`port ${this.id} is broken`, error)
  }

  /** Whether a handler of the port runs in this very fiber: then the port handles nothing else before that has left. */
  isHandling(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return this.fiber === fiber
  }

  private more(): boolean {
    if (this.fiber === undefined) this.fiber = Fiber.getCurrent()
    if (this.doomed !== undefined || passIsOver()) return false
    if (this.index < this.batch.length) return true
    if (this.box.length === 0) return false
    const spent = this.batch
    this.index = 0
    this.batch = this.box
    if (spent === noMessages) this.box = noMessages
    else {
      spent.length = 0
      this.box = spent
    }
    return true
  }

  /** Handles messages until one of them needs the fiber, or it is time to let Effect count. */
  private handleSome(): Effect.Effect<unknown, unknown> {
    for (let left = stride; left > 0; left--) {
      const result = this.handle(this.batch[this.index++]!)
      if (!runImmediately(result)) return result as Effect.Effect<unknown, unknown>
      if (!this.more()) break
    }
    return Effect.void
  }

  private handle(item: Message | Task): unknown {
    if (typeof item === "function") return item()
    const tag = item[0]
    // Perl does not tell a number from its text.
    const tagged = this.tags?.get(typeof tag === "string" ? tag : readName(tag) as string)
    if (tagged !== undefined) return callTagged(tagged, item)
    return this.fallback !== undefined ? callWhole(this.fallback, item) : this.refuse(item)
  }

  private refuse(message: Message): undefined {
    this.kill(reasons.unhandled_message(message[0]))
  }

  private activationEnded(exit: Exit.Exit<unknown, unknown>): void {
    this.fiber = undefined
    if (Exit.isFailure(exit)) this.fail(exit.cause)
    if (this.doomed !== undefined || this.box.length > 0 || this.index < this.batch.length) enqueue(this)
    else this.busy = false
  }

  /** What runs in the port failed: that is its end. If the port has ended already, it is the cleanup that failed. */
  private fail(cause: Cause.Cause<unknown>): void {
    if (this.doomed === undefined) this.kill(reasonFromCause(cause))
    else if (!Cause.hasInterruptsOnly(cause)) {
      this.host.unheard(`the cleanup in port ${this.id}, which has ended, failed`, cause)
    }
  }

  /** Runs an effect in the port, beside its handlers. Its failure kills the port; its interruption does not. */
  evaluate<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, Killed> {
    return Effect.callback<A, Killed>((resume) => {
      const fiber = this.adopt(Effect.runForkWith(this.live().context)(effect))
      fiber.addObserver((exit) => {
        if (Exit.isSuccess(exit)) return resume(Effect.succeed(exit.value))
        if (this.doomed === undefined) return resume(Effect.interrupt)
        this.watch((ended) => resume(Effect.fail(new Killed({ port: this.id, reason: reasonFromExit(ended) }))))
      })
      return Fiber.interrupt(fiber)
    })
  }

  /** A fiber becomes part of the port: it is interrupted when the port ends, and its failure kills the port. */
  adopt<A, E>(fiber: Fiber.Fiber<A, E>): Fiber.Fiber<A, E> {
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) this.fail(exit.cause)
    })
    return Fiber.runIn(fiber, this.live().scope)
  }

  /** The handler has left. Closes the scope, then tells the monitors. */
  private end(exit: PortExit): void {
    const closing = this.life && Scope.closeUnsafe(this.life.scope, exit)
    if (this.life === undefined || closing === undefined) return this.finish(exit)
    Effect.runForkWith(this.life.context)(Effect.uninterruptible(closing)).addObserver((closed) => {
      if (Exit.isFailure(closed)) this.host.unheard(`a finalizer of port ${this.id} failed`, closed.cause)
      this.finish(exit)
    })
  }

  private finish(exit: PortExit): void {
    this.host.removed(this)
    const tether = this.tether
    this.tether = undefined
    if (tether !== undefined) Effect.runFork(Scope.close(tether, Exit.void))
    const watchers = this.watchers
    this.watchers = undefined
    if (watchers !== undefined && watchers.size > 0) tellWatchers(watchers, exit, this.host)
    else if (Exit.isFailure(exit)) this.host.unmonitored(this, exit)
  }
}

/** Whether what stands in a table of ports is a port of a program. */
export const isCell = (receiver: Receiver): receiver is Cell => receiver._tag === "Port"

/** What is made in a span may outlive it: a port does. */
export const untraced = (context: Context.Context<never>): Context.Context<never> =>
  Context.getOrUndefined(context, Tracer.ParentSpan) === undefined
    ? context
    : Context.omit(Tracer.ParentSpan)(context) as Context.Context<never>

/** Without the tag. Spelled out, because a rest array per message costs as much as the message. */
const callTagged = (handler: Handler, m: Message): unknown => {
  switch (m.length) {
    case 1:
      return handler()
    case 2:
      return handler(m[1])
    case 3:
      return handler(m[1], m[2])
    case 4:
      return handler(m[1], m[2], m[3])
    default:
      return handler(...m.slice(1))
  }
}

/** With the tag, for a default receiver. */
const callWhole = (handler: Handler, m: Message): unknown => {
  switch (m.length) {
    case 1:
      return handler(m[0])
    case 2:
      return handler(m[0], m[1])
    case 3:
      return handler(m[0], m[1], m[2])
    default:
      return handler(...m)
  }
}
