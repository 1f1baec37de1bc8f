/**
 * How much of a port's messages may be looked at: also for those who only want to ask.
 *
 * @internal
 */

/** So long a tap lasts at most, and so many messages it shows. */
export const longestTapMillis = 10 * 60_000
export const mostTapped = 10_000

/** So many taps a node has at a time. */
export const mostTaps = 4

/** So many characters of a message are shown. */
export const widestTapped = 1000
