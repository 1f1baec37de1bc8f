/**
 * Numbers, times and text from elsewhere, for people. Nothing here knows the browser.
 *
 * @internal
 */

const scaled = (value: number, step: number, units: ReadonlyArray<string>): string => {
  let rest = Math.abs(value)
  let unit = 0
  while (rest >= step && unit < units.length - 1) {
    rest /= step
    unit++
  }
  const digits = unit === 0 || rest >= 100 ? 0 : rest >= 10 ? 1 : 2
  return `${value < 0 ? "-" : ""}${Number(rest.toFixed(digits))}${units[unit]}`
}

export const showCount = (value: number): string =>
  Math.abs(value) < 10_000 ? String(Math.round(value)) : scaled(value, 1000, ["", " k", " M", " G"])

export const showBytes = (value: number): string => scaled(value, 1024, [" B", " KiB", " MiB", " GiB", " TiB"])

/** Small rates keep a digit: one message in two seconds is not none. */
const showRate = (value: number): string =>
  value > 0 && value < 10 ? String(Number(value.toFixed(1))) : showCount(value)

export const showPerSecond = (value: number): string => `${showRate(value)}/s`
export const showBytesPerSecond = (value: number): string => `${showBytes(value)}/s`
export const showPercent = (value: number): string => `${showRate(value)} %`

export const showMillis = (value: number): string => {
  if (value >= 10_000) return showAge(value)
  return value >= 100 || value === 0 ? `${Math.round(value)} ms` : `${Number(value.toPrecision(2))} ms`
}

/** `3 d 4 h`, `5 min 12 s`, `8 s`: the two largest units are enough. */
export const showAge = (millis: number): string => {
  const seconds = Math.max(0, Math.floor(millis / 1000))
  const units: ReadonlyArray<readonly [string, number]> = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]]
  const first = units.findIndex(([, size]) => seconds >= size)
  if (first === -1) return "0 s"
  return units.slice(first, first + 2).map(([unit, size], place) => {
    const count = place === 0 ? seconds / size : (seconds % units[first]![1]) / size
    return [Math.floor(count), unit] as const
  }).filter(([count], place) => place === 0 || count > 0).map(([count, unit]) => `${count} ${unit}`).join(" ")
}

/** `1 node`, `2 nodes`. */
export const counted = (count: number, what: string, several = `${what}s`): string =>
  `${showCount(count)} ${count === 1 ? what : several}`

const two = (value: number): string => String(value).padStart(2, "0")

/** The time of day, where the browser is. */
export const showTime = (at: number): string => {
  const date = new Date(at)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")
}

export const showDay = (at: number): string => {
  const date = new Date(at)
  return [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-")
}

/** What would steer the text around it, or shows nothing at all: control characters, changes of direction, half characters. */
const steering = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu

/** Text from elsewhere, with what does not show made visible. */
export const visible = (text: string): string =>
  text.replaceAll(steering, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`)

export interface Cut {
  readonly head: string
  readonly tail: string
  readonly isWhole: boolean
}

/** At most so many characters: the beginning and the end, for names often differ at one of the two only. */
export const cut = (text: string, most: number): Cut => {
  if (text.length <= most) return { head: visible(text), tail: "", isWhole: true }
  const tail = Math.floor(most / 3)
  // A pair of surrogates that is cut through would become half a character.
  const head = text.slice(0, most - tail).replace(/[\ud800-\udbff]$/, "")
  return { head: visible(head), tail: visible(text.slice(-tail).replace(/^[\udc00-\udfff]/, "")), isWhole: false }
}

/** Steps of an axis from zero: round numbers, three to six of them, and no smaller ones than `least`. */
export const steps = (largest: number, base: 1000 | 1024 = 1000, least = 0): ReadonlyArray<number> => {
  if (!(largest > 0)) return [0, 1]
  const rough = largest / 4
  // Halves of a MiB are round, and thousands of KiB are not.
  const unit = base === 1000 ? 1 : 1024 ** Math.max(0, Math.floor(Math.log(largest) / Math.log(1024)))
  const power = 10 ** Math.floor(Math.log10(rough / unit))
  const fitting = unit * power * ([1, 2, 5, 10].find((factor) => factor * power * unit >= rough) ?? 10)
  const step = Math.max(fitting, least)
  return Array.from({ length: Math.ceil(largest / step - 1e-9) + 1 }, (_, index) => index * step)
}
