package model

import (
	"bytes"
	"strings"
)

// What people upload besides models that are read here has a name, too, and a
// way out.

// format is a format of files that is not read.
type format struct {
	magic string // what files begin with
	name  string
	way   string // out, for a person
}

const (
	packOtherwise = "pack it with gzip or zlib, as joblib.dump(model, file, compress=3) does, or not at all"
	otherLibrary  = "train with XGBoost or LightGBM"
	saveModel     = "save it with save_model of XGBoost or LightGBM"
)

// tarMark is where a tar says that it is one.
const tarMark = 257

// formats are told by how files begin.
func formats() []format {
	return []format{
		{"bs64", "XGBoost's base64 text, which 1.0 dropped", saveModel},
		{"CONFIG-offset:", "a snapshot of XGBoost's memory", saveModel},
		{"booster[", "a dump of XGBoost (dump_model), whose numbers are rounded", saveModel},
		{"\x1f\x8b", "packed with gzip more than once", "pack it once"},
		{"BZh", "packed with bzip2 inside something else", packOtherwise},
		{"\xfd7zXZ", "packed with xz", packOtherwise},
		{"\x5d\x00\x00", "packed with lzma", packOtherwise},
		{"\x04\x22\x4d\x18", "packed with lz4", packOtherwise},
		{"\x28\xb5\x2f\xfd", "packed with zstd", packOtherwise},
		{"ZF0x", "packed by joblib before 0.10", packOtherwise},
		{"x\x9c", "packed with zlib inside something else", packOtherwise},
		{"x\x5e", "packed with zlib inside something else", packOtherwise},
		{"CBM1", "a model of CatBoost", otherLibrary},
		{"PK\x03\x04", "a zip archive, as those of Keras, PyTorch, H2O and Spark are", "upload the model's own file, or a model.tar.gz"},
		{"\x89HDF", "an HDF5 file, as those of Keras", otherLibrary},
		{"PAR1", "a table in Parquet", "upload the model, not the data"},
		{"version https://git-lfs", "a pointer of Git LFS and not the file itself", "run git lfs pull, and upload what comes"},
		{"<!DOCTYPE", "a web page", "download the file itself"},
		{"<html", "a web page", "download the file itself"},
		{"<?xml", "XML, such as PMML or an error of S3", saveModel},
	}
}

// documents are told by how JSON begins, spaces left out.
func documents() []format {
	return []format{
		{`{"name":"tree"`, "a dump of LightGBM (dump_model)", `save it with booster.save_model("model.txt")`},
		{`[{"nodeid"`, "a dump of XGBoost (dump_model), whose numbers are rounded", `save it with booster.save_model("model.json")`},
		{`{"oblivious_trees"`, "a model of CatBoost", otherLibrary},
		{`{"features_info"`, "a model of CatBoost", otherLibrary},
		{`{"model_info"`, "a model of CatBoost", otherLibrary},
		{`{"ctr_data"`, "a model of CatBoost", otherLibrary},
	}
}

// foreign names the format of a file that begins with b; it has no name where
// it is not known.
func foreign(b []byte) format {
	for _, f := range formats() {
		if bytes.HasPrefix(b, []byte(f.magic)) {
			return f
		}
	}
	if bytes.HasPrefix(b[min(len(b), tarMark):], []byte("ustar")) {
		return format{name: "a tar archive packed once more, or not by gzip", way: "pack the model once, with tar czf"}
	}
	dense := strings.Join(strings.Fields(string(b)), "")
	for _, f := range documents() {
		if strings.HasPrefix(dense, f.magic) {
			return f
		}
	}
	if b[0] < ' ' && strings.Contains(strings.ToLower(dense), "onnx") { // the name of what made it
		return format{name: "a model in ONNX", way: "upload what it was converted from: " + saveModel}
	}
	return format{}
}

func (f format) refused() error {
	if f.name == "" {
		return refuse(Format, "the model is something unknown, not XGBoost's JSON, UBJSON or binary format, LightGBM's text, nor a pickle of either; %s", saveModel)
	}
	return refuse(Format, "the model is %s; that is not read here: %s", f.name, f.way)
}
