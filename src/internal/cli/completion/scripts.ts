/**
 * What `emp --completions SHELL` prints: for each shell a function that asks `emp` itself what may stand at the cursor, since nodes and
 * profiles are known to no script.
 *
 * @internal
 */

/** The command that the scripts ask. What it prints is a candidate and what that is on each line, or this alone. */
export const askedCommand = "__complete"

/** Stands for the names of files, which every shell knows best. */
export const filesWanted = ":files"

/** Bash takes words apart at `:` and `=`, and wants only the rest of what is put together again here. */
const bash = `# Completion of emp for bash: eval "$(emp --completions bash)"
_emp() {
  local IFS=$'\\n' words=() piece before='' i
  for ((i = 1; i <= COMP_CWORD; i++)); do
    piece=\${COMP_WORDS[i]}
    if ((\${#words[@]})) && [[ $piece == [:=]* || $before == *[:=] ]]; then
      words[\${#words[@]} - 1]+=$piece
    else
      words+=("$piece")
    fi
    before=$piece
  done
  local word=\${words[\${#words[@]} - 1]} line lines
  local apart=\${word%"\${word##*[:=]}"}
  lines=$("\${COMP_WORDS[0]/#\\~/$HOME}" ${askedCommand} -- "\${words[@]}" 2>/dev/null)
  COMPREPLY=()
  if [[ $lines == ${filesWanted} ]]; then
    compopt -o filenames 2>/dev/null
    for line in $(compgen -f -- "\${word#"$apart"}"); do COMPREPLY+=("$line"); done
    return
  fi
  for line in $lines; do
    line=\${line%%$'\\t'*}
    COMPREPLY+=("$(printf %q "\${line#"$apart"}")")
  done
}
complete -F _emp emp
`

const zsh = `#compdef emp
# Completion of emp for zsh: a file _emp in a folder of fpath, or eval "$(emp --completions zsh)" behind compinit
_emp() {
  local -a lines candidates
  local line
  lines=("\${(@f)$("\${words[1]/#\\~/$HOME}" ${askedCommand} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${lines[1]}" == ${filesWanted} ]]; then
    _files
    return
  fi
  for line in "\${lines[@]}"; do
    [[ -n "$line" ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -V emp candidates
}
if [[ "\$funcstack[1]" == _emp ]]; then
  _emp "$@"
else
  compdef _emp emp
fi
`

const fish = `# Completion of emp for fish: emp --completions fish | source
function __emp_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l lines ($words[1] ${askedCommand} -- $words[2..-1] 2>/dev/null)
  if test "$lines[1]" = "${filesWanted}"
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $lines
  end
end
complete -c emp -f -a '(__emp_complete)'
`

export const scripts = { bash, zsh, fish } as const
