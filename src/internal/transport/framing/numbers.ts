/**
 * Numbers in bytes, the highest byte first. Those who read and write them see to it that there is room.
 *
 * @internal
 */

/** A float, and its bytes: the lowest one first, on all machines that there are. */
const double = new Float64Array(1)
const ofDouble = new Uint8Array(double.buffer)
const float = new Float32Array(1)
const ofFloat = new Uint8Array(float.buffer)

export const readUint32 = (bytes: Uint8Array, at: number): number =>
  bytes[at]! * 2 ** 24 + (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!)

export const readUint64 = (bytes: Uint8Array, at: number): bigint =>
  BigInt(readUint32(bytes, at)) << 32n | BigInt(readUint32(bytes, at + 4))

/** A number of any length. */
export const readBignum = (bytes: Uint8Array, from: number, to: number): bigint => {
  let digits = "0x0"
  for (let at = from; at < to; at++) digits += bytes[at]!.toString(16).padStart(2, "0")
  return BigInt(digits)
}

export const readFloat = (bytes: Uint8Array, at: number): number => {
  for (let i = 0; i < 4; i++) ofFloat[3 - i] = bytes[at + i]!
  return float[0]!
}

export const readDouble = (bytes: Uint8Array, at: number): number => {
  ofDouble[7] = bytes[at]!
  ofDouble[6] = bytes[at + 1]!
  ofDouble[5] = bytes[at + 2]!
  ofDouble[4] = bytes[at + 3]!
  ofDouble[3] = bytes[at + 4]!
  ofDouble[2] = bytes[at + 5]!
  ofDouble[1] = bytes[at + 6]!
  ofDouble[0] = bytes[at + 7]!
  return double[0]!
}

/** Answers the index behind it, as all that write do. */
export const writeUint32 = (bytes: Uint8Array, value: number, at: number): number => {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}

export const writeUint64 = (bytes: Uint8Array, value: bigint, at: number): number =>
  writeUint32(bytes, Number(value & 0xffff_ffffn), writeUint32(bytes, Number(value >> 32n), at))

export const writeDouble = (bytes: Uint8Array, value: number, at: number): number => {
  double[0] = value
  bytes[at] = ofDouble[7]!
  bytes[at + 1] = ofDouble[6]!
  bytes[at + 2] = ofDouble[5]!
  bytes[at + 3] = ofDouble[4]!
  bytes[at + 4] = ofDouble[3]!
  bytes[at + 5] = ofDouble[2]!
  bytes[at + 6] = ofDouble[1]!
  bytes[at + 7] = ofDouble[0]!
  return at + 8
}
