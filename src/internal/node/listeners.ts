/**
 * Where a node listens, and what it tells others of that: the addresses of its binds, or those that it advertises in their place.
 *
 * @internal
 */
import { hostname } from "#platform"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LinkError } from "../transport/linkError.ts"
import type { Carrier, Wire } from "../transport/wire.ts"
import {
  formatAddress,
  isLoopback,
  isNameOfLoopback,
  type Labelled,
  parseAddress,
  readLabel,
  writeLabel
} from "../values/address.ts"
import { isIp } from "../values/ip.ts"
import type { NodeLog } from "./nodeLog.ts"

/** A bind, and where others can dial it now. */
interface Listener {
  readonly label: string | undefined
  addresses: ReadonlyArray<string>
}

export class Listeners {
  private readonly advertise: ReadonlyArray<string> | undefined
  private readonly log: Pick<NodeLog, "info" | "warn">
  private readonly listeners = new Array<Listener>()
  private readonly watchers = new Set<() => void>()
  /** What others were told last. */
  private told: ReadonlyArray<string> = []

  constructor(advertise: ReadonlyArray<string> | undefined, log: Pick<NodeLog, "info" | "warn">) {
    this.advertise = advertise
    this.log = log
  }

  /** Listens on all binds, as long as the scope is open. */
  listen(
    carrier: Carrier,
    binds: ReadonlyArray<string>,
    accept: (wire: Wire) => void,
    host: string
  ): Effect.Effect<void, LinkError, Scope.Scope> {
    const listenOn = (bind: string): Effect.Effect<void, LinkError, Scope.Scope> => {
      const { address, label } = readLabel(bind)
      const listener: Listener = { label, addresses: [] }
      const moved = (addresses: ReadonlyArray<string>): void => {
        listener.addresses = addresses
        this.moved()
      }
      return Effect.map(carrier.listen(address, accept, host, moved), (addresses) => {
        listener.addresses = addresses
        this.listeners.push(listener)
        if (this.advertise === undefined) this.warnOfLoopback(address, addresses)
      })
    }
    return Effect.forEach(binds, listenOn, { discard: true }).pipe(
      Effect.tap(() =>
        Effect.sync(() => {
          this.told = this.addresses
        })
      )
    )
  }

  /** Where the node listens, without labels. */
  get bound(): ReadonlyArray<string> {
    return this.listeners.flatMap(({ addresses }) => addresses)
  }

  /** What others are told, with labels. */
  get addresses(): ReadonlyArray<string> {
    const bound = this.listeners.flatMap(({ addresses, label }) =>
      addresses.map((address) => writeLabel({ address, label }))
    )
    return Array.from(new Set(this.advertise?.flatMap((text) => this.withPort(readLabel(text))) ?? bound))
  }

  /** `watcher` is called when `addresses` has changed. The result ends that. */
  onMoved(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => void this.watchers.delete(watcher)
  }

  /** An advertised host without a port is dialled at the ports of the binds: those with its label, if there are any. */
  private withPort({ address, label }: Labelled): ReadonlyArray<string> {
    const read = parseAddress(address, hostname())
    if (read === undefined || read.port > 0) return [writeLabel({ address, label })]
    const alike = this.listeners.filter((listener) => listener.label === label)
    const bound = (alike.length > 0 ? alike : this.listeners).flatMap(({ addresses }) => addresses)
    const ports = new Set(bound.flatMap((text) => parseAddress(text, hostname())?.port ?? []))
    return Array.from(ports, (port) => writeLabel({ address: formatAddress({ host: read.host, port }), label }))
  }

  private moved(): void {
    const now = this.addresses
    if (now.join() === this.told.join()) return
    this.told = now
    this.log.info(`others reach this node at ${now.join(", ") || "no address"} now`)
    for (const watcher of this.watchers) watcher()
  }

  /**
   * The name of a host may be an address of its loopback interface, as on Debian: who binds it, or a port of "this host", does not
   * expect that. Who names the loopback interface does.
   */
  private warnOfLoopback(bind: string, addresses: ReadonlyArray<string>): void {
    const { host, port } = parseAddress(bind, hostname()) ?? { host: bind, port: 0 }
    const isMeant = host === "*" || isIp(host) || (isNameOfLoopback(host) && !/^\d+$/.test(bind))
    const leadsBack = (address: string): boolean => isLoopback(parseAddress(address, host)?.host ?? "")
    if (isMeant || addresses.length === 0 || !addresses.every(leadsBack)) return
    this.log.warn(
      `bind ${bind} is ${
        addresses.join(", ")
      } here, as ${host} is a name of the loopback interface: no other machine reaches ` +
        `this node there. Bind *:${port === 0 ? "*" : port}, or advertise an address that others can dial`
    )
  }
}
