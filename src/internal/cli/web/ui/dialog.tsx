/**
 * The one dialog of the page: it shows something, or asks before something is done. The browser keeps the focus in it, closes it
 * with Escape, and gives the focus back.
 *
 * @internal
 */
import type { ComponentChildren } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { makeStore, useStore } from "./store.ts"

interface Question {
  readonly title: string
  readonly body: ComponentChildren
  /** What is done when it is confirmed; without it there is nothing to confirm. */
  readonly action?: { readonly label: string; readonly run: () => void }
}

const open = makeStore<Question | undefined>(undefined)

export const ask = (question: Question): void => open.set(question)

export const Dialog = () => {
  const question = useStore(open, (value) => value)
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (question !== undefined && element.current?.open === false) element.current.showModal()
  }, [question])
  if (question === undefined) return null
  const { action, body, title } = question
  const close = (): void => element.current?.close()
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onClose={() => open.set(undefined)}>
      <h2 id="dialog-title">{title}</h2>
      <div class="dialog-body">{body}</div>
      <div class="dialog-buttons">
        <button type="button" autofocus onClick={close}>{action === undefined ? "Close" : "Cancel"}</button>
        {action === undefined ?
          null :
          <button type="button" class="danger" onClick={() => (close(), action.run())}>{action.label}</button>}
      </div>
    </dialog>
  )
}
