/**
 * Reads one CBOR item and takes nothing but the plainest: definite lengths, shortest lengths, no tags, text that is
 * UTF-8. An independent check of what our encoder writes; RFC 8949 section 3.
 */
export const readPlainCbor = (bytes: Uint8Array): unknown => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  let at = 0

  const take = (length: number): number => {
    at += length
    if (at > bytes.length) throw new Error("ends too early")
    return at - length
  }

  const readArgument = (info: number): bigint => {
    const sized = (length: number, read: (at: number) => bigint, atLeast: bigint): bigint => {
      const value = read(take(length))
      if (value < atLeast) throw new Error(`${value} in ${length} bytes`)
      return value
    }
    if (info < 24) return BigInt(info)
    if (info === 24) return sized(1, (at) => BigInt(view.getUint8(at)), 24n)
    if (info === 25) return sized(2, (at) => BigInt(view.getUint16(at)), 0x100n)
    if (info === 26) return sized(4, (at) => BigInt(view.getUint32(at)), 0x10000n)
    // Of any size: a bigint is told from a number by it.
    if (info === 27) return sized(8, (at) => view.getBigUint64(at), 0n)
    throw new Error(`not a definite length: ${info}`)
  }

  const read = (): unknown => {
    const header = view.getUint8(take(1))
    const [major, info] = [header >> 5, header & 0x1f]
    if (major === 7) return readSimple(info)
    const argument = readArgument(info)
    const length = Number(argument)
    switch (major) {
      case 0:
        return info === 27 ? argument : length
      case 1:
        return info === 27 ? -1n - argument : -1 - length
      case 2:
        return bytes.slice(take(length), at)
      case 3:
        return utf8.decode(bytes.subarray(take(length), at))
      case 4:
        return Array.from({ length }, read)
      case 5:
        return Object.fromEntries(Array.from({ length }, () => {
          const key = read()
          if (typeof key !== "string") throw new Error("a key that is not text")
          return [key, read()]
        }))
      default:
        throw new Error(`tag ${argument}`)
    }
  }

  const readSimple = (info: number): unknown => {
    switch (info) {
      case 20:
      case 21:
        return info === 21
      case 22:
        return null
      case 23:
        return undefined
      case 26:
        return view.getFloat32(take(4))
      case 27:
        return view.getFloat64(take(8))
      default:
        throw new Error(`simple value ${info}`)
    }
  }

  const value = read()
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes behind the item`)
  return value
}
