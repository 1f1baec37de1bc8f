/**
 * The commands for a network, and those of them that a shell knows.
 *
 * @internal
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { version } from "../../values/version.ts"
import { presentingInShell } from "../terminal/failures.ts"
import { endless } from "../terminal/interruption.ts"
import { looking } from "./lookCommands.ts"
import { anyNode, flags, follow, InShell } from "./onNetwork.ts"
import type { Network } from "./session.ts"
import { talking } from "./talkCommands.ts"

const shell = Command.make(
  "shell",
  { ...flags, node: anyNode },
  (input) =>
    follow(
      input,
      () => import("./shell.ts"),
      ({ shell }, session) => endless(shell(session, Option.getOrUndefined(input.node), shellCommands()))
    )
).pipe(
  Command.withDescription("Give commands line by line, on one connection; help shows them"),
  Command.withExamples([{ command: "emp shell worker" }])
)

const web = Command.make(
  "web",
  {
    ...flags,
    bind: Flag.String("bind").pipe(
      Flag.withDescription("Where to listen, as HOST:PORT. Default: 127.0.0.1:4080, or a free port if that is taken"),
      Flag.optional
    ),
    allowActions: Flag.Boolean("allow-actions").pipe(
      Flag.withDescription("Let those who look restart, drain and stop nodes, and end ports"),
      Flag.withDefault(false)
    ),
    token: Flag.String("token").pipe(
      Flag.withDescription("What those have to show who want to look. Default: EMP_WEB_TOKEN, or a random one"),
      Flag.withFallbackConfig(Config.String("EMP_WEB_TOKEN")),
      Flag.optional
    ),
    noToken: Flag.Boolean("no-token").pipe(
      Flag.withDescription("Let everybody on this machine look"),
      Flag.withDefault(false)
    )
  },
  ({ allowActions, bind, noToken, token, ...input }) =>
    follow(
      input,
      () => import("../web/server.ts"),
      ({ web }, session) =>
        endless(
          web(session, {
            allowActions,
            noToken,
            bind: Option.getOrUndefined(bind),
            token: Option.getOrUndefined(token)
          }),
          "outlives its readers"
        )
    )
).pipe(
  Command.withDescription("Show the network in the browser: open the address that it prints"),
  Command.withExamples([{ command: "emp web" }, { command: "emp web --bind 0.0.0.0:4080 --allow-actions" }])
)

/** In their groups, as `emp --help` lists them. */
export const talkGroups = [
  { group: "Talk", commands: [...talking, shell] },
  { group: "Look", commands: [...looking, web] }
] as const

/** What a shell knows: all of them but itself and `web`, which is for a process of its own, in their own words. */
const shellCommands = () => {
  const all = Command.make("emp").pipe(Command.withSubcommands([...talking, ...looking]))
  return {
    described: [...talking, ...looking].map(({ description = "", name }) => [name, description] as const),
    run: (words: ReadonlyArray<string>, network: Context.Context<Network>) =>
      Command.runWith(all, { version })(words).pipe(
        Effect.provideService(InShell, network),
        Effect.provide(presentingInShell)
      )
  }
}
