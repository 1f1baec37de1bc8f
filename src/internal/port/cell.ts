/**
 * A port at run time: its mailbox, what handles it, and its end.
 *
 * A port at rest holds no fiber, and none of its last messages. What arrives is put in the mailbox, and the port in the run queue; its
 * activation handles all that waits: by plain calls as long as no handler needs a fiber, and from there on in one fiber. See
 * `docs/architecture.md` for the figures that led here.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import {
  endOfNode,
  exitFromReason,
  Killed,
  type PortExit,
  type Reason,
  reasonFromCause,
  reasonFromExit,
  reasons
} from "../values/reason.ts"
import { Abandoned } from "./abandoned.ts"
import { type Aside, handledIn } from "./aside.ts"
import { borrow, giveBack } from "./borrowed.ts"
import { contextFor, naming, placeOf, untraced } from "./contexts.ts"
import { addFinalizer, removeFinalizer } from "./finalizers.ts"
import {
  callTagged,
  callWhole,
  type Handler,
  handlerOf,
  type Handlers,
  tagOf,
  withHandler,
  withoutHandler
} from "./handlers.ts"
import { Hands } from "./hands.ts"
import { isSuccess, syncOf } from "./immediate.ts"
import { type Item, type Life, makeLife, messageOf, type Task } from "./life.ts"
import type { Protocol } from "./protocol.ts"
import { afterPass, enqueue, passIsOver, type Runnable } from "./readyQueue.ts"
import { type Host, type Message, type Receiver, type Watcher, Witness } from "./receiver.ts"
import type { Settings } from "./settings.ts"
import { isSnd } from "./snd.ts"
import { count, tell, type Watchers, withoutWatcher, withWatcher } from "./watchers.ts"

/** Re-exported as `Port.Self`, where it is documented. */
export class Self extends Context.Service<Self, string>()("effect-mp/Port/Self") {}

/** Messages that are handled in one operation of a fiber, which yields to the event loop every 2048 operations. */
const stride = 8
const noItems: Array<Item | undefined> = []
/** The batch of a port that is neither in the run queue nor being run. */
const atRest: Array<Item | undefined> = []
const nothing = (): void => {}

export class Cell implements Receiver, Runnable {
  readonly id: string
  /** What the port was told to end with; the first reason wins. Its fibers and finalizers may still run. */
  doomed: PortExit | undefined = undefined
  protocol: Protocol | undefined = undefined
  private readonly host: Host
  /** What the port was made in. */
  private readonly creator: Context.Context<never>
  /** The scope that ends the port with it. */
  private parent: Scope.Scope | undefined = undefined
  readonly settings: Settings
  /** The port's own scope: what handlers acquire is released when the port ends. Made by the first effect that may. */
  private scope: Scope.Closeable | undefined = undefined
  /** Most ports of a large program are at rest, and have none. */
  private life: Life | undefined = undefined
  private tags: Handlers = undefined
  private fallback: Handler | undefined = undefined
  private watchers: Watchers = undefined
  /** What is handled beside the activation, where that may be. */
  private readonly hands: Hands | undefined
  private box = noItems
  /** What is being handled, without what has been. A port that has one other than `atRest` will look at the mailbox by itself. */
  private batch = atRest
  private index = 0
  /** How many messages handlers were called for. */
  handled = 0
  /** In tenths of a second after the node: in milliseconds it would need more room after three weeks. */
  private readonly bornAt: number

  constructor(host: Host, id: string, settings: Settings, context: Context.Context<never>) {
    this.host = host
    this.id = id
    this.settings = settings
    this.hands = settings.limits === undefined ? undefined : new Hands(settings.limits)
    this.creator = context
    this.bornAt = Math.floor(host.roughly() / 100)
  }

  get _tag(): "Port" {
    return "Port"
  }

  private live(): Life {
    if (this.life !== undefined) return this.life
    return this.life = makeLife(this.context(), () => this.goesOn(), () => this.handleSome())
  }

  private context(): Context.Context<never> {
    if (this.life !== undefined) return this.life.context
    return Context.add(Context.add(untraced(this.creator), Self, this.id), Scope.Scope, this.ownScope())
  }

  private ownScope(): Scope.Closeable {
    return this.scope ??= Scope.makeUnsafe()
  }

  /** Ties the port to a scope: that kills it when it closes, and waits for its end. */
  tie(parent: Scope.Scope): void {
    const closed = addFinalizer(parent, this, this.stop.bind(this))
    if (closed === undefined) this.parent = parent
    else this.endWith(closed)
  }

  private stop(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      // The port has ended meanwhile.
      if (this.parent === undefined) return Exit.void
      this.parent = undefined
      if (Context.getOrUndefined(fiber.context, Self) !== this.id) {
        return Effect.callback((resume) => this.endWith(exit, () => resume(Effect.void)))
      }
      // Something in the port closes the scope: the port ends when that has left, which cannot wait for it.
      this.endWith(exit)
      return Exit.void
    })
  }

  /** Ends with its scope: whoever closed that knows of it. */
  private endWith(exit: Exit.Exit<unknown, unknown>, ended: Watcher = nothing): void {
    this.watch(ended)
    // To end a program is to interrupt it: the ports of a node that drains end with their node.
    const isInterrupted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
    this.kill(isInterrupted && this.host.isDraining ? endOfNode() : reasonFromExit(exit))
  }

  /** Whether effects with this context may run in the port as they are. */
  isNative(context: Context.Context<never>): boolean {
    return context === this.creator || context === this.life?.named || context === this.life?.context
  }

  /** A context with this port's `Self` and Scope. */
  contextOver<R>(context: Context.Context<R>): Context.Context<R> {
    return Context.add(Context.add(context, Self, this.id), Scope.Scope, this.ownScope()) as Context.Context<R>
  }

  /** Adds, replaces or (with `undefined`) removes what handles a tag. */
  on(tag: string, handler: Handler | undefined): void {
    this.tags = handler === undefined ? withoutHandler(this.tags, tag) : withHandler(this.tags, tag, handler)
  }

  /** Sets what handles all other messages. */
  onDefault(handler: Handler | undefined): void {
    this.fallback = handler
  }

  send(message: Message, aside?: Aside): void {
    if (this.doomed !== undefined) return this.drop()
    const { capacity } = this.settings
    if (capacity !== undefined && this.mailbox >= capacity) {
      this.drop()
      return this.kill(reasons.mailbox_overflow(capacity))
    }
    this.put(aside === undefined ? message : this.beside(message, aside))
  }

  sendForeign(message: Message, aside?: Aside): void {
    const { protocol } = this
    const said = protocol?.read === undefined ? message : protocol.read(message)
    const wrong = protocol?.validate(said)
    if (wrong === undefined) this.send(said, aside)
    else if (this.settings.refuses) this.host.refused(this, message, wrong)
    // In its turn, so that what came before it is still handled.
    else this.enter(() => this.kill(wrong))
  }

  /** A message with what goes beside it: it is not begun if its sender does not wait that long, and handled in a span of its own. */
  private beside(message: Message, { link, patienceMillis, span }: Aside): Task {
    const until = patienceMillis === undefined ? Infinity : this.host.monotonic() + patienceMillis
    const handle = (): unknown => {
      if (until < Infinity && (link?.isOver === true || this.host.monotonic() >= until)) return this.expired()
      if (span === undefined) return this.handle(message)
      return handledIn(span, this.host.nodeId, this.id, message, () => this.handle(message))
    }
    return Object.assign(handle, { message })
  }

  private drop(): void {
    this.host.counts.dropped.port_ended++
  }

  private expired(): undefined {
    this.host.counts.dropped.expired++
  }

  /** Milliseconds after the node. */
  get bornMillis(): number {
    return this.bornAt * 100
  }

  /** How many messages wait, beside what is in hand; and tasks, which are few. */
  get mailbox(): number {
    return this.box.length + this.batch.length - this.index
  }

  /** Whether fewer than so many messages wait or are in hand, and one more does not end the port. */
  hasRoomWithin(most: number): boolean {
    return this.mailbox + (this.hands?.count ?? 0) < Math.min(most, this.settings.capacity ?? Infinity)
  }

  /** Since when the oldest message is there that waits or is in hand, in milliseconds after the node; `undefined` if there is none. */
  get oldestSince(): number | undefined {
    const { life } = this
    if (life === undefined || this.doomed !== undefined) return undefined
    return life.fiber !== undefined || this.index < this.batch.length ? life.batchSince : life.boxSince
  }

  get monitors(): number {
    return count(this.watchers)
  }

  /** Whether there is something to handle, or in hand. */
  get isBusy(): boolean {
    return this.batch !== atRest || this.hands?.areEmpty === false
  }

  /** Calls back when all is handled that has arrived by now; not if the port ends before that. */
  whenHandled(handled: () => void): void {
    if (!this.isBusy) return handled()
    this.enter(() => this.hands === undefined ? handled() : this.hands.whenLeft(handled))
  }

  /** Whether the port has a handler for what a message begins with. */
  knowsTagOf(message: Message): boolean {
    const tag = tagOf(message)
    return tag !== undefined && handlerOf(this.tags, tag) !== undefined
  }

  /** Whether the port's protocol has an answer to a message. */
  isAsked(message: Message): boolean {
    const messages = this.protocol?.messages ?? {}
    const tag = tagOf(message) ?? ""
    return Object.hasOwn(messages, tag) && messages[tag]?.reply !== undefined
  }

  /** Whoever waits at this port for an answer has gone: what it has asked is not begun, if it waits. */
  abandon(caller: string): void {
    const { mailbox } = this
    if (this.doomed !== undefined || mailbox === 0) return
    const life = this.live()
    life.abandoned ??= new Abandoned()
    life.abandoned.add(caller, mailbox)
  }

  /** Runs a task in the port's turn. Tasks are the port's own doing: a full mailbox takes them too. */
  enter(task: Task): void {
    if (this.doomed === undefined) this.put(task)
  }

  private put(item: Item): void {
    if (this.box !== noItems) this.box.push(item)
    else {
      this.box = [item]
      if (this.life?.fiber !== undefined) this.life.boxSince = this.host.roughly()
    }
    if (this.batch === atRest) {
      this.batch = noItems
      enqueue(this)
    }
  }

  kill(reason: Reason): void {
    this.doom(reason)
    // One that was told to finish what it has in hand has no more time for that.
    this.life?.fiber?.interruptUnsafe()
    this.hands?.interrupt()
  }

  /** Ends it when it is done with the message that it has in hand, if there is one. To kill it meanwhile ends that too. */
  finishAndEnd(reason: Reason): void {
    this.doom(reason)
  }

  watch(watcher: Watcher): () => void {
    this.watchers = withWatcher(this.watchers, watcher)
    return () => {
      this.watchers = withoutWatcher(this.watchers, watcher)
    }
  }

  /** Begins the end: nothing more is handled; the rest happens in the run queue, so that chains of links do not recurse. */
  private doom(reason: Reason): void {
    if (this.doomed !== undefined) return
    const exit = exitFromReason(this.id, reason)
    this.doomed = exit
    this.host.ending(this, exit)
    Context.get(this.creator, Witness)?.sawEnd(this.id, exit)
    this.countDropped()
    const isAtRest = this.batch === atRest
    this.box = this.batch = noItems
    this.index = 0
    if (isAtRest) enqueue(this)
    else this.handIsFree()
  }

  /** What waits is dropped, and counted. */
  private countDropped(): void {
    if (this.mailbox === 0) return
    const isMessage = (item: Item | undefined): boolean => messageOf(item) !== undefined
    for (const items of [this.batch.slice(this.index), this.box]) {
      this.host.counts.dropped.port_ended += items.filter(isMessage).length
    }
  }

  run(): void {
    if (this.doomed !== undefined) return this.endWithEmptyHands(this.doomed)
    const pending = this.handlePlainly()
    if (pending === undefined || this.doomed !== undefined) return this.activationEnded()
    const life = this.live()
    life.pending = pending
    const fiber = Effect.runForkWith(life.named)(life.activation)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) this.fiberEnded(exit)
    else {
      // A handler waits, or Effect's operation budget ran out: the rest of the mailbox waits with it.
      this.noteWaiting(life)
      fiber.addObserver((exit) => this.fiberEnded(exit))
    }
  }

  /** Something is left for later: what is there now has been there since now, unless more is known of it. */
  private noteWaiting(life: Life): void {
    life.batchSince ??= this.host.roughly()
    if (this.box.length > 0) life.boxSince ??= this.host.roughly()
  }

  broken(error: unknown): void {
    this.unheard(`port ${this.id} is broken`, error)
  }

  private unheard(what: string, cause: unknown): void {
    this.host.unheard(what, cause, placeOf(this.creator, this.id))
  }

  /** Whether a handler of the port runs in this very fiber: then the port handles nothing else before that has left. */
  isHandling(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return this.life?.fiber === fiber
  }

  /** Handles all that waits, as long as that takes no fiber. Answers the first effect that needs one. */
  private handlePlainly(): Effect.Effect<unknown, unknown> | undefined {
    const { counts } = this.host
    const before = this.handled
    try {
      if (counts.handling.isDue && this.more()) {
        const pending = this.handleMeasured()
        if (pending !== undefined) return pending
      }
      while (this.more()) {
        const pending = this.handleNext()
        if (pending !== undefined) return pending
      }
    } catch (error) {
      if (this.doomed === undefined) this.fail(Cause.die(error))
    } finally {
      counts.haveHandled(this.handled - before)
      giveBack()
    }
    return undefined
  }

  private more(): boolean {
    if (this.doomed !== undefined || passIsOver()) return false
    if (this.index < this.batch.length) return this.hasFreeHand()
    this.index = 0
    this.batch = this.box
    this.box = noItems
    const { life } = this
    if (life !== undefined) {
      life.abandoned?.turn()
      life.batchSince = life.boxSince
      life.boxSince = undefined
    }
    return this.batch.length > 0 && this.hasFreeHand()
  }

  /** Whether the next item, if there is one, may be handled beside what is in hand. */
  private hasFreeHand(): boolean {
    if (this.hands === undefined) return true
    const message = messageOf(this.batch[this.index])
    return message === undefined || !this.hands.areFullFor(tagOf(message) ?? "")
  }

  /** In a fiber, whether there is something to do. */
  private goesOn(): boolean {
    const life = this.live()
    life.fiber ??= Fiber.getCurrent()
    return life.pending !== undefined || this.more()
  }

  /** In a fiber: handles messages until one of them needs the fiber, or it is time to let Effect count. */
  private handleSome(): Effect.Effect<unknown, unknown> {
    const life = this.live()
    const { pending } = life
    if (pending !== undefined) {
      life.pending = undefined
      return pending
    }
    const { counts } = this.host
    const before = this.handled
    try {
      let isDue = counts.handling.isDue
      for (let left = stride; left > 0; left--) {
        const next = isDue ? this.handleMeasured() : this.handleNext()
        if (next !== undefined) {
          if (life.fiber !== undefined && life.fiber.context !== life.named) life.fiber.setContext(life.named)
          return next
        }
        isDue = false
        if (!this.more()) break
      }
    } finally {
      counts.haveHandled(this.handled - before)
    }
    return Effect.void
  }

  /** Handles a message, and carries out what its handler answers. Answers the effect if that needs a fiber of its own. */
  private handleNext(): Effect.Effect<unknown, unknown> | undefined {
    const item = this.batch[this.index]!
    // What has been handled is held no longer.
    this.batch[this.index++] = undefined
    const result = this.handle(item)
    if (result === undefined || result === null || isSuccess(result)) return undefined
    if (isSnd(result)) {
      return this.host.offer(result.to, result.message) === undefined ? undefined : this.inHand(item, result)
    }
    const sync = syncOf(result)
    if (sync !== undefined) {
      if (this.life?.fiber === undefined) borrow(this.live().context)
      sync()
      return undefined
    }
    // What is no Effect counts as done.
    if (!Effect.isEffect(result)) return undefined
    if (!Exit.isExit(result)) return this.inHand(item, result as Effect.Effect<unknown, unknown>)
    if (Exit.isFailure(result)) this.fail(result.cause)
    return undefined
  }

  /** The same, and notes how long it takes until the handler has left. */
  private handleMeasured(): Effect.Effect<unknown, unknown> | undefined {
    const { counts } = this.host
    const since = this.host.monotonic()
    const weight = counts.handling.begin(since)
    let pending: Effect.Effect<unknown, unknown> | undefined
    let done: (() => void) | undefined
    counts.measuring = () => counts.handling.end(weight, this.host.monotonic() - since)
    try {
      pending = this.handleNext()
    } finally {
      done = counts.measuring
      counts.measuring = undefined
    }
    if (pending !== undefined && done !== undefined) return Effect.ensuring(pending, Effect.sync(done))
    done?.()
    return pending
  }

  /**
   * Has what a handler answered run beside the activation, where the port has hands for such messages. Answers it where the activation itself
   * has to run it.
   */
  private inHand(item: Item, effect: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> | undefined {
    const { hands } = this
    const message = messageOf(item)
    const name = message === undefined ? undefined : tagOf(message)
    const life = this.live()
    const context = contextFor(life, this.host.nodeId, this.id, name)
    if (hands === undefined || message === undefined) return effect
    const tag = name ?? ""
    if (!hands.mayTake(tag)) return effect
    const fiber = Effect.runForkWith(context)(effect)
    const measured = this.host.counts.measuring
    this.host.counts.measuring = undefined
    const left = (exit: Exit.Exit<unknown, unknown>): void => {
      measured?.()
      hands.remove(tag, fiber)
      if (Exit.isFailure(exit)) this.fail(exit.cause, tag)
      this.handIsFree()
    }
    hands.add(tag, fiber)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) fiber.addObserver(left)
    else left(exit)
    return undefined
  }

  /** Goes on, if that is what the port waited for: with the next message, or to its end. */
  private handIsFree(): void {
    if (this.hands?.isAwaited !== true || this.doomed !== undefined && !this.hands.areEmpty) return
    this.hands.isAwaited = false
    enqueue(this)
  }

  private endWithEmptyHands(exit: PortExit): void {
    if (this.hands === undefined || this.hands.areEmpty) this.end(exit)
    else this.hands.isAwaited = true
  }

  private handle(item: Item): unknown {
    if (typeof item === "function") return item()
    if (this.life?.abandoned?.has(item) === true) return this.expired()
    this.handled++
    const name = tagOf(item)
    const tagged = name === undefined ? undefined : handlerOf(this.tags, name)
    if (tagged !== undefined) return callTagged(tagged, item)
    return this.fallback !== undefined ? callWhole(this.fallback, item) : this.refuse(item)
  }

  /** There is nobody for the message. */
  refuse(message: Message): undefined {
    this.handled--
    const reason = reasons.unhandled_message(message[0])
    if (this.settings.refuses) this.host.refused(this, message, reason)
    else this.kill(reason)
  }

  private fiberEnded(exit: Exit.Exit<unknown, unknown>): void {
    const life = this.live()
    life.fiber = life.pending = undefined
    if (Exit.isFailure(exit)) this.fail(exit.cause, life.tag)
    this.activationEnded()
  }

  private activationEnded(): void {
    if (this.doomed !== undefined || this.box.length > 0 || this.index < this.batch.length) {
      if (this.doomed === undefined) this.noteWaiting(this.live())
      if (this.doomed !== undefined || this.hasFreeHand()) enqueue(this)
      else this.hands!.isAwaited = true
      return
    }
    this.batch = atRest
    this.index = 0
    if (this.life === undefined || this.life.isGoing) return
    this.life.isGoing = true
    afterPass(this)
  }

  passEnded(): void {
    if (this.life === undefined) return
    this.life.isGoing = false
    if (this.batch === atRest) this.life = undefined
  }

  /** What runs in the port failed: that is its end. If the port has ended already, it is the cleanup that failed. */
  private fail(cause: Cause.Cause<unknown>, tag?: string): void {
    if (this.doomed === undefined) {
      this.kill(reasonFromCause(cause))
      this.crashed(cause, tag)
    } else if (!Cause.hasInterruptsOnly(cause)) {
      this.unheard(`the cleanup in port ${this.id}, which has ended, failed`, cause)
    }
  }

  private crashed(cause: Cause.Cause<unknown>, tag: string | undefined): void {
    const { doomed } = this
    if (doomed !== undefined) this.host.crashed(this, doomed, cause, placeOf(this.creator, this.id, tag))
  }

  /** Runs an effect in the port, beside its handlers. Its failure kills the port; its interruption does not. */
  evaluate<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, Killed> {
    return Effect.callback<A, Killed>((resume) => {
      const fiber = this.adopt(Effect.runForkWith(naming(this.context(), this.host.nodeId, this.id))(effect))
      fiber.addObserver((exit) => {
        if (Exit.isSuccess(exit)) return resume(Effect.succeed(exit.value))
        const { doomed } = this
        if (doomed === undefined) return resume(Effect.interrupt)
        const killed = new Killed({ port: this.id, reason: reasonFromExit(doomed) })
        // What began while the port ended already may outlast it.
        this.host.monitor(this.id, () => resume(Effect.fail(killed)))
      })
      return Fiber.interrupt(fiber)
    })
  }

  /** A fiber becomes part of the port: it is interrupted when the port ends, and its failure kills the port. */
  adopt<A, E>(fiber: Fiber.Fiber<A, E>): Fiber.Fiber<A, E> {
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) this.fail(exit.cause)
    })
    return Fiber.runIn(fiber, this.ownScope())
  }

  /** The handler has left. Closes the scope, then tells the monitors. */
  private end(exit: PortExit): void {
    const closing = this.scope && Scope.closeUnsafe(this.scope, exit)
    if (closing === undefined) return this.finish(exit)
    Effect.runForkWith(this.context())(Effect.uninterruptible(closing)).addObserver((closed) => {
      if (Exit.isFailure(closed)) this.unheard(`a finalizer of port ${this.id} failed`, closed.cause)
      this.finish(exit)
    })
  }

  private finish(exit: PortExit): void {
    const { parent } = this
    this.parent = this.life = undefined
    this.host.removed(this)
    if (parent !== undefined) removeFinalizer(parent, this)
    // One watcher may take back another one, which is not told then.
    const isHeard = tell(this.watchers, exit, this.host)
    this.watchers = undefined
    if (!isHeard && Exit.isFailure(exit)) this.host.unmonitored(this, exit)
  }
}

/** Whether what stands in a table of ports is a port of a program. */
export const isCell = (receiver: Receiver): receiver is Cell => receiver._tag === "Port"
