/**
 * What can be done to nodes and ports, where it is allowed: each is asked back for first, and what came of it is told.
 *
 * @internal
 */
import { useEffect } from "preact/hooks"
import type { Action, NodeDetails } from "../api.ts"
import { ask } from "./dialog.tsx"
import { act, messageOf } from "./requests.ts"
import { makeStore, useStore } from "./store.ts"
import { Text } from "./text.tsx"

type NodeAction = Exclude<Action["action"], "kil">

const actions: Readonly<Record<NodeAction, { readonly label: string; readonly means: string }>> = {
  reload: { label: "Reload", means: "It reads its configuration again." },
  drain: { label: "Drain", means: "It leaves its groups, takes no new calls, and finishes what it has in hand." },
  restart: { label: "Restart", means: "It is drained, ends, and is started again by its watchdog." },
  stop: { label: "Stop", means: "It is drained and ends. Nothing starts it again." }
}

interface Outcome {
  readonly text: string
  readonly isProblem: boolean
}

/** What came of the last one. It is told beside what it was done to: the row of a port that was ended is not there any more. */
const outcome = makeStore<Outcome | undefined>(undefined)

const run = (action: Action): void => {
  outcome.set({ text: "Asking …", isProblem: false })
  act(action).then(
    ({ done }) => outcome.set({ text: done, isProblem: false }),
    (error: unknown) => outcome.set({ text: messageOf(error), isProblem: true })
  )
}

/** Until one goes to another page. */
export const Told = () => {
  const told = useStore(outcome, (value) => value)
  useEffect(() => () => outcome.set(undefined), [])
  return (
    <p role="status" class={told?.isProblem === true ? "told problem" : "told"}>
      {told === undefined ? null : <Text text={told.text} most={200} />}
    </p>
  )
}

export const Actions = ({ nodeId }: { readonly nodeId: string }) => (
  <div class="actions" role="group" aria-label="Actions">
    {(Object.keys(actions) as ReadonlyArray<NodeAction>).map((action) => {
      const { label, means } = actions[action]
      const confirm = (): void =>
        ask({
          title: `${label} this node?`,
          body: (
            <>
              <p>
                <Text text={nodeId} most={200} />
              </p>
              <p>{means}</p>
            </>
          ),
          action: {
            label,
            run: () => run({ action, node: nodeId })
          }
        })
      return <button key={action} type="button" onClick={confirm}>{label} …</button>
    })}
  </div>
)

/** Rows of ports move: what the port is stands beside its ID when one is asked. */
export const Kil = ({ kind, port, what }: NodeDetails["ports"]["rows"][number]) => {
  const confirm = (): void =>
    ask({
      title: "End this port?",
      body: (
        <>
          <p>
            <Text text={port} most={200} />: <Text text={`${kind} ${what}`} most={200} />
          </p>
          <p>Its monitors hear of it; a supervisor may start it again.</p>
        </>
      ),
      action: { label: "End it", run: () => run({ action: "kil", port }) }
    })
  return <button type="button" onClick={confirm}>End …</button>
}
