# Shared by the scripts of this folder: everything runs in new environments and copies, so that the checkout does not
# change. Bash 3.2 (macOS) is enough.

export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
: "${HOME:=/}"

say() { printf '\n== [%s] %s\n' "$(date +%H:%M:%S)" "$*"; }

# runs PYTHON VERSION: whether an interpreter starts, has this version (empty: 3.10 or newer) and can create environments.
# A name on the path is not enough: pyenv has shims for versions that are not activated.
runs() {
  "$1" - "${2:-}" >/dev/null 2>&1 <<'PYTHON'
import ensurepip, sys, venv
wanted = sys.argv[1]
sys.exit(not ("%d.%d" % sys.version_info[:2] == wanted if wanted else sys.version_info >= (3, 10)))
PYTHON
}

# python_for 3.10 [3.11 ...]: the first of these versions on this machine, on the path or where pyenv, uv, Homebrew, hosted
# runners and the manylinux images install them; else the python3 of the path, with a warning.
python_for() {
  local version candidate
  for version in "$@"; do
    for candidate in "python$version" \
      "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python \
      "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}"/cpython-"$version".*/bin/python3 \
      {/opt/homebrew,/usr/local}/opt/"python@$version/bin/python$version" \
      /opt/hostedtoolcache/Python/"$version".*/x64/bin/python \
      /opt/python/cp"${version/./}"-cp"${version/./}"/bin/python; do
      if runs "$candidate" "$version"; then
        command -v "$candidate"
        return
      fi
    done
  done
  if runs python3; then
    echo "WARNING: no Python $* on this machine: using $(python3 --version) INSTEAD" >&2
    command -v python3
    return
  fi
  echo "no Python $*, nor another 3.10 or newer, that can create environments (on Debian: apt install python3-venv)" >&2
  return 1
}

# environment DIR PYTHON REQUIREMENT...: create an environment with these requirements.
environment() {
  local dir=$1 python=$2
  shift 2
  "$python" -m venv --clear "$dir"
  "$dir/bin/pip" install -q "$@"
}

# snapshot DIR: copy the checkout with uncommitted changes and without ignored files; the copy is a git repository.
snapshot() {
  mkdir -p "$1"
  if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
    (
      cd "$root"
      git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done |
        tar -c -f - --null -T -
    ) | tar -x -f - -C "$1"
  else
    tar -c -f - -C "$root" --exclude ./.git --exclude './.venv*' --exclude __pycache__ . | tar -x -f - -C "$1"
  fi
  if command -v git >/dev/null; then git -C "$1" init -q && git -C "$1" add -A; fi
}

# readme_command WORD: the README's command that creates an environment and ends with WORD.
readme_command() { grep -E "^python3 -m venv .* $1( |\$)" "$root/README.md"; }

# The tests of the shared store need Redis; without it they are skipped, with a warning.
want_redis() {
  command -v redis-server >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && command -v timeout >/dev/null; then
    timeout 120 sh -c 'apt-get -qq update && apt-get -qq install -y redis-server' </dev/null >/dev/null 2>&1 || true
  fi
  command -v redis-server >/dev/null || echo "WARNING: no redis-server here: the tests against a real Redis are SKIPPED"
}

# suite DIR [OPTION...]: run the suite in an environment; print pytest's last lines, or all output if it fails.
suite() {
  local dir=$1
  shift
  "$dir/bin/python" -c 'import openai, pydantic, sys; print(sys.executable, "is Python", sys.version.split()[0], "with openai", openai.__version__, "and pydantic", pydantic.VERSION)'
  closing "$dir/bin/python" -m pytest -q -n 2 --no-header "$@"
}

# closing COMMAND...: run a command and print its last lines; all output and the exit code if it fails.
closing() {
  local log code=0
  log=$(mktemp "$work/log.XXXXXX")
  "$@" >"$log" 2>&1 || code=$?
  if [ "$code" = 0 ]; then tail -n 12 "$log"; else cat "$log"; fi
  return "$code"
}
