/**
 * Reads one CBOR item and takes nothing but the plainest: definite lengths, shortest lengths, text that is UTF-8, and no tags but those
 * of bigints that are numbers too. An independent check of what our encoder writes; RFC 8949 section 3.
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
    if (info === 27) return sized(8, (at) => view.getBigUint64(at), 0x1_0000_0000n)
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
        return exact(argument)
      case 1:
        return exact(-1n - argument)
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
        return readBignum(argument)
    }
  }

  const exact = (integer: bigint): number | bigint => Number.isSafeInteger(Number(integer)) ? Number(integer) : integer

  const readBignum = (tag: bigint): bigint => {
    if (tag !== 2n && tag !== 3n) throw new Error(`tag ${tag}`)
    const octets = read()
    if (!(octets instanceof Uint8Array) || octets[0] === 0) {
      throw new Error("a bignum that is not of the shortest length")
    }
    const argument = BigInt(`0x0${Buffer.from(octets).toString("hex")}`)
    if (!Number.isSafeInteger(Number(argument))) throw new Error("a bignum that an integer could be")
    return tag === 2n ? argument : -1n - argument
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
      case 25:
        if (view.getUint16(take(2)) !== 0x8000) throw new Error("a half float that is not -0")
        return -0
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
