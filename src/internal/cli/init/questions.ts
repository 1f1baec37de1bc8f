/**
 * What `emp init` asks for whatever no flag says, where somebody sits at a terminal.
 *
 * @internal
 */
import * as Prompt from "effect/cli/Prompt"
import * as Effect from "effect/Effect"
import { type Form, formNames, forms } from "./forms.ts"

/** Ctrl-C is a key here, and means what it means elsewhere. */
const asked = <A>(prompt: Prompt.Prompt<A>) => Effect.catchTag(Prompt.run(prompt), "QuitError", () => Effect.interrupt)

export const askForm = asked(
  Prompt.Select<Form>({
    message: "What is it to be?",
    choices: formNames.map((name) => ({ title: name, value: name, description: forms[name].about }))
  })
)

export const askName = (suggested: string, wrong: (name: string) => string | undefined) =>
  asked(
    Prompt.String({
      message: "Its name",
      default: suggested,
      validate: (name) => {
        const problem = wrong(name)
        return problem === undefined ? Effect.succeed(name) : Effect.fail(`${name} ${problem}`)
      }
    })
  )
