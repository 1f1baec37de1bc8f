#!/usr/bin/env node
/**
 * What is installed as `emp`, bundled into one file of CommonJS, `dist/emp.cjs`: `emp run` begins as the watchdog of a node, and takes
 * little memory beside each node, since nothing of the library is loaded, nor what Node has for modules. All else is `main`.
 */
import { isWatched } from "./internal/cli/run/channel.ts"
import { ownOrders } from "./internal/cli/run/orders.ts"

/** What may be meant otherwise the command line finds out. It has a watchdog too. */
const isForWatchdog = ([command, ...rest]: ReadonlyArray<string>): boolean =>
  command === "run" && !isWatched() && ownOrders() === undefined &&
  !rest.some((word) => /^-(h$|-(help|version|completions|(no-)?watchdog))/.test(word))

if (isForWatchdog(process.argv.slice(2))) void import("./internal/cli/run/watchdog.ts").then(({ main }) => main())
else void import("./main.ts")
