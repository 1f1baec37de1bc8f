/**
 * The least that a program of `node:net` and `cbor-x` must do to send and receive messages.
 */
import { Decoder, Encoder } from "cbor-x"
import type * as net from "node:net"

const options = { useRecords: false, variableMapSize: true, tagUint8Array: false }

/** Sends packets; those of one tick leave in one write. */
export const coalescing = (socket: net.Socket): (packet: unknown) => void => {
  const encoder = new Encoder(options)
  let pieces: Array<Buffer> = []
  const flush = (): void => {
    socket.write(Buffer.concat(pieces))
    pieces = []
  }
  return (packet) => {
    if (pieces.length === 0) queueMicrotask(flush)
    pieces.push(Buffer.from(encoder.encode(packet)))
  }
}

/** Packets out of chunks. */
export const decoder = (): (chunk: Buffer) => ReadonlyArray<unknown> => {
  const cbor = new Decoder(options)
  let rest: Buffer | undefined
  return (chunk) => {
    const source = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    rest = undefined
    try {
      return cbor.decodeMultiple(source) as Array<unknown>
    } catch (cause) {
      const error = cause as {
        readonly incomplete?: boolean
        readonly lastPosition: number
        readonly values?: Array<unknown>
      }
      if (error.incomplete !== true) throw cause
      rest = source.subarray(error.lastPosition)
      return error.values ?? []
    }
  }
}
