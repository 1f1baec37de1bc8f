/**
 * Whether the processes of a run have come to an agreement: read off the events as they happen, to know when a run may
 * end. It judges nothing: when the time is over, the checkers say what is wrong.
 */
import type { Event, Life } from "./trace.ts"

interface Channel {
  readonly life: Life
  readonly port: string
  sent: number
  got: number
}

export class Progress {
  /** Lives that have ended. */
  private readonly over = new Set<Life>()
  /** Channels that stand: neither fired nor taken back. */
  private readonly channels = new Map<string, Channel>()
  /** Calls without an answer, and who asked. */
  private readonly calls = new Map<string, Life>()
  /** Handlers of calls that are at work, and where. */
  private readonly handlers = new Map<string, Life>()
  /** Reminders that have neither come nor were taken back, and whose they are. */
  private readonly reminders = new Map<string, Life>()
  /** What monitors have yet to send: for whom, when which port ends. */
  private readonly notes = new Map<string, { readonly life: Life; readonly port: string; readonly other: string }>()
  /** Where ports live, while they do. */
  private readonly ports = new Map<string, Life>()
  private readonly entries = new Map<Life, Map<string, Map<string, unknown>>>()
  messages = 0

  see(event: Event): void {
    switch (event._tag) {
      case "Stopped":
      case "Crashed":
        this.end(event.life)
        break
      case "Made":
        this.ports.set(event.port, event.life)
        break
      case "Ended":
        this.ports.delete(event.port)
        break
      case "Monitored":
        this.channels.set(event.channel, { life: event.life, port: event.port, sent: 0, got: 0 })
        break
      case "Fired":
      case "Unmonitored":
        this.channels.delete(event.channel)
        break
      case "Sent": {
        this.messages++
        const channel = this.channels.get(event.channel)
        if (channel !== undefined) channel.sent = event.n
        break
      }
      case "Unsent": {
        const channel = this.channels.get(event.channel)
        if (channel !== undefined) channel.sent = event.n - 1
        break
      }
      case "Got": {
        const channel = this.channels.get(event.channel)
        if (channel !== undefined) channel.got = event.n
        break
      }
      case "Promised":
        if (event.own) this.reminders.set(event.reminder, event.life)
        break
      case "Reminded":
      case "Recalled":
        this.reminders.delete(event.reminder)
        break
      case "Entrusted":
        this.notes.set(event.note, event)
        break
      case "Noted":
      case "Withdrawn":
        this.notes.delete(event.note)
        break
      case "Asked":
        this.calls.set(event.call, event.life)
        break
      case "Answered":
      case "Refused":
        this.calls.delete(event.call)
        break
      case "RpcAsked":
        this.calls.set(event.call, event.life)
        break
      case "RpcOver":
        this.calls.delete(event.call)
        break
      case "RpcBegan":
        this.handlers.set(event.call, event.life)
        break
      case "RpcDone":
        this.handlers.delete(event.call)
        break
      case "Set":
        this.familyOf(event.life, event.family).set(event.key, event.value)
        break
      case "Deleted":
        this.familyOf(event.life, event.family).delete(event.key)
    }
  }

  private familyOf(life: Life, family: string): Map<string, unknown> {
    const families = this.entries.get(life) ?? new Map<string, Map<string, unknown>>()
    this.entries.set(life, families)
    const entries = families.get(family) ?? new Map<string, unknown>()
    families.set(family, entries)
    return entries
  }

  private end(life: Life): void {
    this.over.add(life)
    this.entries.delete(life)
    for (const [id, channel] of this.channels) if (channel.life === life) this.channels.delete(id)
    for (const [id, asker] of this.calls) if (asker === life) this.calls.delete(id)
    for (const [id, server] of this.handlers) if (server === life) this.handlers.delete(id)
    for (const [id, owner] of this.reminders) if (owner === life) this.reminders.delete(id)
    for (const [id, note] of this.notes) if (note.life === life) this.notes.delete(id)
    for (const [port, owner] of this.ports) if (owner === life) this.ports.delete(port)
  }

  /** What the lives still wait for; `undefined` if nothing. */
  missing(core: ReadonlyArray<Life>): string | undefined {
    for (const [id, asker] of this.calls) if (core.includes(asker)) return `an answer to ${id}`
    // Whoever has asked has an answer by now, or is gone.
    for (const [id, server] of this.handlers) if (core.includes(server)) return `the end of the handler of ${id}`
    for (const [id, owner] of this.reminders) if (core.includes(owner)) return `that ${id} comes`
    for (const [id, { life, other, port }] of this.notes) {
      if (core.includes(life) && !this.ports.has(port) && this.ports.get(other) === life) {
        return `that ${other} gets ${id}: the port ${port} is dead`
      }
    }
    const linked = new Set<string>()
    for (const [id, { got, life, port, sent }] of this.channels) {
      if (!core.includes(life)) continue
      const owner = this.ports.get(port)
      if (owner === undefined) return `that ${id} fires: the port ${port} is dead`
      if (got < sent) return `message ${sent} of ${id}`
      if (sent > 0) linked.add(`${life} ${owner}`)
    }
    for (const from of core) {
      for (const to of core) if (from !== to && !linked.has(`${from} ${to}`)) return `a channel from ${from} to ${to}`
    }
    return undefined
  }

  /** What a family has to be: all that live processes have set. */
  family(family: string): Map<string, unknown> {
    return new Map(Array.from(this.entries.values(), (families) => [...families.get(family) ?? []]).flat())
  }
}
