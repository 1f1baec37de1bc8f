/**
 * Times that something has lasted, for people.
 *
 * @internal
 */
import * as Duration from "effect/Duration"

/** `3d 4h`, `5m 12s`, `8s`: the two largest units are enough. */
export const showDuration = (millis: number): string =>
  millis < 1000 ? "0s" : Duration.format(Duration.seconds(Math.floor(millis / 1000))).split(" ").slice(0, 2).join(" ")
