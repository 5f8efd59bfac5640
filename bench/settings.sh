# settings.sh: what the scripts that run benchmarks share, sourced from the top of the sources.
#
#   SCALE=tiny   a smoke run of seconds (default full)
#   TIDAL_BIN    the folder of the programs (default build/release/bin)
#   BENCH_OUT    where databases and results go (default build/bench): on the disk to be measured
#
# It sets bin, out and scale.
bin=${TIDAL_BIN:-build/release/bin}
out=${BENCH_OUT:-build/bench}
scale=${SCALE:-full}
case $scale in
full | tiny) ;;
*)
    echo "bench: SCALE is '$scale'; it can be tiny, or not set" >&2
    exit 1
    ;;
esac
mkdir -p "$out"
out=$(cd "$out" && pwd)

# machine: a line that says where this is measured.
machine() {
    local model
    model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    echo "$(uname -sm), $(nproc) cores, $model"
}

# load: the machine's, of the last 1, 5 and 15 minutes.
load() { echo "load average $(cut -d' ' -f1-3 /proc/loadavg)"; }
