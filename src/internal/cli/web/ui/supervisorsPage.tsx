/**
 * The supervisors of the whole network: what they look after, how often it was started again, and why it ended last.
 *
 * @internal
 */
import { useMemo } from "preact/hooks"
import type { SupervisorChild, Supervisors, SupervisorTree } from "../api.ts"
import { counted, showAge } from "./format.ts"
import { loadSupervisors, useLoaded } from "./requests.ts"
import { nodeHref } from "./routes.ts"
import { Text } from "./text.tsx"
import { type Branch, Tree } from "./tree.tsx"

const ofTree = (tree: SupervisorTree, path: string): Branch => ({
  key: path,
  label: `${tree.name} ${tree.strategy} ${tree.node}`,
  row: (
    <span class="cells">
      <b>
        <Text text={tree.name} />
      </b>{" "}
      <small>{tree.strategy}</small>
    </span>
  ),
  children: childrenOf(tree, path)
})

const childrenOf = (tree: SupervisorTree, path: string): ReadonlyArray<Branch> =>
  tree.children.map((child, index) => ofChild(child, tree.node, `${path}/${index}/${child.id}`))

const ofChild = (child: SupervisorChild, node: string, path: string): Branch => ({
  key: path,
  label: `${child.id} ${child.status} ${child.tree?.name ?? ""} ${child.lastReason ?? ""} ${child.node ?? ""}`,
  row: <Child child={child} node={node} />,
  children: belowChild(child, path)
})

/** A supervisor that is a child is one with its row; those that a service has made stand below it by their names. */
const belowChild = ({ others, tree, type }: SupervisorChild, path: string): ReadonlyArray<Branch> => [
  ...tree === null ? [] : type === "supervisor" ? childrenOf(tree, path) : [ofTree(tree, `${path}/${tree.port}`)],
  ...others.map((other) => ofTree(other, `${path}/${other.port}`))
]

const calm: ReadonlySet<string> = new Set(["running", "starting"])

/** `node` is that of the supervisor: where a child runs is said only when it is another one. */
const Child = ({ child, node }: { readonly child: SupervisorChild; readonly node: string }) => (
  <span class="cells">
    <Text text={child.id} />
    <span class={calm.has(child.status) ? "grade-good" : "grade-bad"}>
      {child.status === "running" ? "●" : "◐"} {child.status}
    </span>
    {child.type === "supervisor" && child.tree !== null ? <small>{child.tree.strategy}</small> : null}
    {child.restarts === 0 ? null : <span class="grade-slow">↻ {counted(child.restarts, "restart")}</span>}
    {child.uptimeMillis === null ? null : <small>for {showAge(child.uptimeMillis)}</small>}
    {child.lastReason === null ? null : (
      <small>
        last: <Text text={child.lastReason} most={60} />
      </small>
    )}
    {child.node === null || child.node === node ? null : (
      <small>
        on <Text text={child.node} href={nodeHref(child.node)} most={24} />
      </small>
    )}
    {child.problem === null ? null : <span class="problem">{child.problem}</span>}
  </span>
)

const ofNode = ({ id, problem, trees }: Supervisors["nodes"][number]): Branch => ({
  key: JSON.stringify(id),
  label: id,
  row: (
    <span class="cells">
      <Text text={id} href={nodeHref(id)} />
      {problem === null ? <small>{counted(trees.length, "supervisor")}</small> : <span class="problem">{problem}</span>}
    </span>
  ),
  children: trees.map((tree) => ofTree(tree, `${JSON.stringify(id)}/${tree.port}`))
})

/** Children below, with those that are started again by somebody on the way. */
const totals = (branches: Supervisors["nodes"]) => {
  let children = 0
  let restarts = 0
  let troubled = 0
  const count = (tree: SupervisorTree): void => {
    for (const child of tree.children) {
      children++
      restarts += child.restarts
      if (!calm.has(child.status)) troubled++
      for (const tree of [...child.tree === null ? [] : [child.tree], ...child.others]) count(tree)
    }
  }
  for (const { trees } of branches) trees.forEach(count)
  return { children, restarts, troubled }
}

export const SupervisorsPage = () => {
  const { problem, value } = useLoaded("supervisors", loadSupervisors, 3000)
  const nodes = value?.nodes.filter(({ problem, trees }) => trees.length > 0 || problem !== null)
  const branches = useMemo(() => nodes?.map(ofNode) ?? [], [value])
  if (nodes === undefined) {
    return <p class={problem === undefined ? "empty" : "problem"}>{problem ?? "Asking all nodes …"}</p>
  }
  const { children, restarts, troubled } = totals(nodes)
  return (
    <>
      {problem === undefined ? null : <p class="problem" role="alert">{problem}</p>}
      <p class="summary">
        {counted(children, "child", "children")} · {counted(restarts, "restart")} ·{" "}
        {troubled === 0 ? "all of them run" : counted(troubled, "does not run", "do not run")}
        {value?.isCut === true ? " · there are more than are shown" : ""}
      </p>
      {nodes.length === 0
        ? (
          <p class="empty">
            No supervisors. A service that should be started again when it ends stands below{" "}
            <code>Supervisor.layer</code> or <code>Supervisor.make</code>; it then shows here.
          </p>
        )
        : (
          <>
            <Tree label="Supervisors" branches={branches} />
          </>
        )}
    </>
  )
}
