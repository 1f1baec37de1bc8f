/**
 * Shares of a whole as a bar, without a word: whatever it shows stands beside it in numbers.
 *
 * @internal
 */

interface Properties {
  /** In their order; what they do not fill is nobody's. */
  readonly parts: ReadonlyArray<number>
  readonly whole: number
}

/** Neighbours differ in their tone. */
const tones = 4

export const Shares = ({ parts, whole }: Properties) => {
  const all = Math.max(whole, parts.reduce((sum, part) => sum + part, 0), 1)
  let from = 0
  return (
    <svg class="shares" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect class="share-none" width="100" height="1" />
      {parts.map((part, at) => {
        const x = from
        from += part / all * 100
        return <rect key={at} class={`share-${at % tones}`} x={x} width={from - x} height="1" />
      })}
    </svg>
  )
}
