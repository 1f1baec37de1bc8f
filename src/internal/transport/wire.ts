/**
 * One connection as a stream of bytes: what a transport has to provide. Sockets and the in-memory network each
 * implement it; handshake, framing and all above see nothing else.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LinkError } from "./linkError.ts"

/** Documented as `Transport.WireEvents`. */
export interface WireEvents {
  /** Bytes have come. They are only good until the call returns. */
  data(chunk: Uint8Array): void
  /** All that was written has left. */
  drained(): void
  /** The connection is gone, once and for good; the text says why, in AEMP's words. */
  closed(why: string): void
}

/** A wire need not tell that so many bytes have left: who has more to write may go on. */
export const untold = 256 * 1024

/** Documented as `Transport.Wire`. */
export interface Wire {
  /** The address of the other side. */
  readonly remote: string
  /** Bytes that were written and have not left yet. */
  readonly buffered: number
  /** Begins to read. What came before waits; a wire that was lost before tells so then. */
  start(events: WireEvents): void
  /** Writes bytes, which may be a view of a larger buffer. They belong to the wire until it calls `left`, once; or for ever, if it does not. */
  write(bytes: Uint8Array, left?: () => void): void
  /** Closes the connection when all that was written has left; calls back when it is closed. */
  end(closed: () => void): void
  /** Closes the connection at once, and calls `closed` of the events. */
  destroy(): void
}

/** Documented as `Transport.Carrier`. */
export interface Carrier {
  /** What addresses of this carrier begin with: `unix` of `unix:/run/emp.sock`, the empty text for `host:port`. Default: the empty text alone. */
  readonly schemes?: ReadonlyArray<string> | undefined
  /** What is wrong with an address that has one of the schemes, in words that name it. Asked before anything is listened on or dialled. */
  readonly wrong?: ((address: string) => string | undefined) | undefined
  /** Why nobody is reached by an address now, and by none of the carrier's, though nothing is wrong with it: for probes. Default: it is not so. */
  readonly away?: ((address: string) => string | undefined) | undefined
  /**
   * Listens until the scope closes, and gives every incoming connection to `accept`. Answers the addresses that others
   * can dial, one for each interface, with their real ports; when they change, `moved` gets those that count from then on. Connections that
   * stand stay.
   */
  readonly listen: (
    bind: string,
    accept: (wire: Wire) => void,
    host: string,
    moved?: (addresses: ReadonlyArray<string>) => void
  ) => Effect.Effect<ReadonlyArray<string>, LinkError, Scope.Scope>
  /** The addresses that this one stands for: itself, or, where it is a name, all that the name has now. It may be asked again and again. */
  readonly resolve: (address: string) => Effect.Effect<ReadonlyArray<string>, LinkError>
  /** Connects to one address. */
  readonly dial: (address: string, host: string) => Effect.Effect<Wire, LinkError>
}
