#!/bin/sh
# Compares random models of the newest libraries, and of those behind SageMaker's
# containers, with Sluice, bit for bit, SECONDS_EACH of each: models-fuzz.sh
# [VERSION ...]. A version whose Python is not there is named and left out.
set -eu
cd "$(dirname "$0")/../.."
sluice=${SLUICE:-bin/sluice}
venvs=${VENVS:-.tools/models-fuzz}
out=${OUT:-.tools/models-fuzz/found}
seconds=${SECONDS_EACH:-60}
seed=${SEED:-$(date +%s)}
if [ ! -x "$sluice" ]; then
	echo "models-fuzz.sh: $sluice is not there; run make build, or set SLUICE" >&2
	exit 1
fi

python() { # of a version, from the path or from pyenv
	for found in "$(command -v "python$1" || true)" "$HOME/.pyenv/versions/$1".*/bin/python; do
		if [ -x "$found" ] && "$found" -c "" 2>/dev/null; then # a shim of pyenv may be there and not run
			echo "$found"
			return
		fi
	done
}

status=0 ran=0
while read -r name version packages; do
	if [ $# -gt 0 ]; then
		case " $* " in *" $name "*) ;; *) continue ;; esac
	fi
	interpreter=$(python "$version")
	if [ -z "$interpreter" ]; then
		echo "$name: not compared, as there is no python$version"
		continue
	fi
	venv=$venvs/$name
	if [ ! -f "$venv/whole" ]; then
		rm -rf "$venv"
		"$interpreter" -m venv "$venv"
		# shellcheck disable=SC2086 # several packages
		if ! "$venv/bin/pip" install --quiet --disable-pip-version-check $packages </dev/null; then
			echo "$name: not compared, as it cannot be installed"
			continue
		fi
		touch "$venv/whole"
	fi
	ran=$((ran + 1))
	"$venv/bin/python" -W ignore deploy/sagemaker/models_fuzz.py --sluice "$sluice" --seconds "$seconds" --seed "$seed" --out "$out" </dev/null || status=1
done <<'END'
xgboost 3.12 xgboost-cpu numpy scipy
xgboost-3.3.0 3.12 xgboost-cpu==3.3.0 numpy scipy
xgboost-3.0.5 3.10 xgboost-cpu==3.0.5 numpy scipy
xgboost-2.1.4 3.10 xgboost-cpu==2.1.4 numpy scipy
xgboost-1.7.6 3.10 xgboost==1.7.6 numpy<2 scipy
xgboost-1.5.2 3.9 xgboost==1.5.2 numpy<2 scipy<1.12
xgboost-1.3.3 3.7 xgboost==1.3.3 numpy scipy
xgboost-1.2.1 3.7 xgboost==1.2.1 numpy scipy
xgboost-1.0.2 3.7 xgboost==1.0.2 numpy scipy
xgboost-0.90 3.7 xgboost==0.90 numpy scipy
lightgbm 3.12 lightgbm numpy scipy
lightgbm-3.3.5 3.8 lightgbm==3.3.5 numpy<2 scipy<1.11
END
if [ "$ran" = 0 ]; then
	echo "models-fuzz.sh: nothing was compared" >&2
	exit 1
fi
exit $status
