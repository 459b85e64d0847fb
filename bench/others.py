# Compiles a model as one would who wants it fast, and says where that is, and where
# XGBoost's own library is: python others.py MODEL.json FOLDER
import glob, json, os, subprocess, sys
import tl2cgen, treelite, xgboost

model, folder = sys.argv[1:]
out = os.dup(1)
os.dup2(2, 1)  # what libraries say is not what we say
code = os.path.join(folder, "code")
tl2cgen.generate_c_code(treelite.frontend.load_xgboost_model(model), dirpath=code, params={"parallel_comp": 8})
compiled = os.path.join(folder, "trees.so")
subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", compiled, *sorted(glob.glob(code + "/*.c")), "-lm"], check=True)
gcc = subprocess.run(["gcc", "-dumpfullversion"], check=True, capture_output=True, text=True).stdout.strip()
os.write(out, json.dumps({
    "xgboost": "XGBoost " + xgboost.__version__,
    "library": glob.glob(os.path.join(os.path.dirname(xgboost.__file__), "lib", "libxgboost.so"))[0],
    "tl2cgen": f"tl2cgen {tl2cgen.__version__}, gcc {gcc}",
    "compiled": compiled,
}).encode())
