/**
 * Groups and families of the shared database, and what is in them.
 *
 * @internal
 */
import { useState } from "preact/hooks"
import type { Family } from "../api.ts"
import { counted, cut } from "./format.ts"
import { loadFamilies, loadFamily, useLoaded } from "./requests.ts"
import { nodeHref } from "./routes.ts"
import { type Column, Table } from "./table.tsx"
import { Text } from "./text.tsx"

type Entry = Family["entries"][number]

const nodeOf: Column<Entry> = {
  title: "Node",
  value: ({ node }) => node ?? undefined,
  cell: ({ node }) => node === null ? "–" : <Text text={node} href={nodeHref(node)} />
}
const members: ReadonlyArray<Column<Entry>> = [
  { title: "Member", value: ({ key }) => key, cell: ({ key }) => <Text text={key} /> },
  nodeOf
]
const entries: ReadonlyArray<Column<Entry>> = [
  { title: "Key", value: ({ key }) => key, cell: ({ key }) => <Text text={key} /> },
  {
    title: "Value",
    value: ({ value }) => value ?? undefined,
    cell: ({ value }) => <Text text={value ?? ""} most={80} />
  },
  nodeOf
]

export const GroupsPage = () => {
  const { problem, value } = useLoaded("families", loadFamilies, 4000)
  const told = problem ?? value?.problem ?? undefined
  if (value === undefined || told !== undefined && value.families.length === 0) {
    return <p class={told === undefined ? "empty" : "problem"}>{told ?? "Asking …"}</p>
  }
  const groups = value.families.filter(({ isGroup }) => isGroup)
  const families = value.families.filter(({ isGroup }) => !isGroup)
  return (
    <>
      {told === undefined ? null : <p class="problem" role="alert">{told}</p>}
      {value.isCut ? <p class="note">There are more than are shown.</p> : null}
      <section>
        <h2>Groups</h2>
        {groups.length === 0
          ? (
            <p class="empty">
              No groups: a port becomes a member of one by <code>Global.register</code>.
            </p>
          )
          : groups.map((family) => (
            <FamilyOf key={family.name} family={family} columns={members} what="member" several="members" />
          ))}
      </section>
      <section>
        <h2>Families</h2>
        {families.length === 0
          ? (
            <p class="empty">
              No families: entries of the shared database are set by <code>Global.set</code>.
            </p>
          )
          : families.map((family) => (
            <FamilyOf key={family.name} family={family} columns={entries} what="entry" several="entries" />
          ))}
      </section>
    </>
  )
}

interface Properties {
  readonly family: Family
  readonly columns: ReadonlyArray<Column<Entry>>
  readonly what: string
  readonly several: string
}

const FamilyOf = ({ columns, family, several, what }: Properties) => {
  const [isOpen, setOpen] = useState(false)
  return (
    <details class="family" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Text text={family.name} most={60} /> <small>{counted(family.total, what, several)}</small>
      </summary>
      {isOpen ? <Entries columns={columns} family={family} several={several} /> : null}
    </details>
  )
}

const Entries = ({ columns, family, several }: Omit<Properties, "what">) => {
  const isCut = family.total > family.entries.length
  const { problem, value } = useLoaded(
    JSON.stringify([family.name, isCut]),
    () => isCut ? loadFamily(family.name) : Promise.resolve(family),
    4000
  )
  const shown = isCut ? value ?? family : family
  return (
    <>
      {problem === undefined ? null : <p class="problem">{problem}</p>}
      {shown.total > shown.entries.length
        ? <p class="note">The first {shown.entries.length} of {shown.total}.</p>
        : null}
      <Table
        caption={`${several} of ${cut(family.name, 60).head}`}
        columns={columns}
        rows={shown.entries}
        keyOf={({ key }) => key}
        textOf={({ key, node, value }) => `${key} ${node ?? ""} ${value ?? ""}`}
        empty="Empty."
      />
    </>
  )
}
