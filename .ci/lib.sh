# Shared by the scripts of this folder: environments of their own, made from nothing.

say() { printf '\n== %s\n' "$*"; }

# The first of the named interpreters that runs here, else python3.
python_for() {
  local name
  for name in "$@" python3; do
    if "$name" -c 'import venv' >/dev/null 2>&1; then
      command -v "$name"
      return
    fi
  done
  echo "no python3 with venv on this machine" >&2
  return 1
}

# environment DIR PYTHON REQUIREMENT...: a new environment with these installed.
environment() {
  local dir=$1 python=$2
  shift 2
  "$python" -m venv --clear "$dir"
  "$dir/bin/pip" install -q --disable-pip-version-check "$@"
}

# Redis is needed by the tests of the shared store; they are skipped without it, and that is said.
want_redis() {
  command -v redis-server >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    (apt-get -qq update && apt-get -qq install -y redis-server) >/dev/null 2>&1 || true
  fi
  command -v redis-server >/dev/null || echo "WARNING: no redis-server here: the tests against a real Redis are SKIPPED"
}

# suite DIR: the whole suite in an environment, told by pytest's closing lines.
suite() {
  "$1/bin/python" -c 'import openai, pydantic, sys; print("python", sys.version.split()[0], "openai", openai.__version__, "pydantic", pydantic.VERSION)'
  "$1/bin/python" -m pytest -q -n 2 --no-header 2>&1 | tail -n 40
}
