package release

// ArchiveKey is where the archive of a release lies in the bucket of the
// control plane. digest is the SHA-256 of the archive, lower-case hex.
func ArchiveKey(digest string) string { return "releases/sha256/" + digest + "/model.tar.gz" }

// PassportKey is where the passport of a release lies.
func PassportKey(digest string) string { return "releases/sha256/" + digest + "/passport.json" }

// FleetKey is where a fleet's document lies. A task that starts reads its
// fields "default", the digest of the release to serve, and "epoch" and
// "generation", from which on it obeys.
func FleetKey(fleet string) string { return "fleets/" + fleet + "/state.json" }
