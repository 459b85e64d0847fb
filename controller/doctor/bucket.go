package doctor

import (
	"fmt"
	"strings"
)

// Bucket is what the bucket of the control plane told. What is nil is not known.
type Bucket struct {
	Versioning *string // Enabled, Suspended, or empty where it never was on
	Rules      *[]Rule // of its lifecycle
	Lock       *Lock
	Probe      *Probe
}

// Rule is one of a bucket's lifecycle that is in force.
type Rule struct {
	Name, Prefix string
	Partly       bool // it is about some of the keys below, by tag or size
	Current      bool // it takes away what is current, some day
	Earlier      bool // it takes away earlier versions, some day
}

// Lock is the bucket's object lock.
type Lock struct {
	Retained string // how long whatever is written stays, such as 30 days in mode GOVERNANCE; empty for no time of its own
}

// Probe is a key that was written to see whether conditions hold.
type Probe struct {
	Key     string
	Refused bool   // the second writer was, as it must be
	Left    string // why the key is there still; empty where it is gone
}

// bucket is about what keeps the fleet's memory.
func bucket(f Facts) (all []Finding) {
	b := f.Bucket
	versioned := b.Versioning != nil && *b.Versioning == "Enabled"
	switch {
	case versioned:
		all = append(all, Finding{Well, "versioning", "The bucket keeps earlier versions.", "", ""})
	case b.Versioning != nil:
		state := "off"
		if *b.Versioning != "" {
			state = strings.ToLower(*b.Versioning)
		}
		all = append(all, Finding{
			Wrong, "versioning", "The bucket keeps no earlier versions: after damage or a mistake no state can be restored.",
			fmt.Sprintf("aws s3api put-bucket-versioning --bucket %s --versioning-configuration Status=Enabled", f.Asked.Bucket), "versioning is " + state,
		})
	}
	if b.Rules != nil {
		all = append(all, lifecycle(f.Asked, *b.Rules, versioned)...)
	}
	if b.Lock != nil && b.Lock.Retained != "" {
		all = append(all, Finding{
			Doubtful, "lock", "Object lock keeps every version of every key: lease.json alone has some 1,000 an hour.",
			"Take the default retention away from this bucket, and lock a copy of audit/ in another.", b.Lock.Retained,
		})
	}
	return append(all, probe(b.Probe)...)
}

// lifecycle holds the rules against what controllers write often, and what must
// stay.
func lifecycle(a Asked, rules []Rule, versioned bool) (all []Finding) {
	of := "fleets/" + a.Fleet + "/"
	const template = "Take over the rules of deploy/aws/bucket.yaml."
	var growing, lost []string
	for _, key := range []string{"lease.json", of + "look.json"} {
		if !covers(rules, key, func(r Rule) bool { return r.Earlier && !r.Partly }) {
			growing = append(growing, key)
		}
	}
	for _, key := range []string{"releases/sha256/", "audit/", of + "rollouts/", of + "looks/", of + "state.json"} {
		if covers(rules, key, func(r Rule) bool { return r.Current }) {
			lost = append(lost, key)
		}
	}
	if versioned && len(growing) > 0 {
		all = append(all, Finding{
			Wrong, "lifecycle", "Earlier versions of " + strings.Join(growing, " and ") + " stay for ever, some 1,000 more each hour: S3 slows down keys with millions of them.",
			template, fmt.Sprintf("%d rules in force", len(rules)),
		})
	}
	if len(lost) > 0 {
		all = append(all, Finding{Wrong, "expiry", "A lifecycle rule takes away what must stay: " + strings.Join(lost, ", ") + ".", template + " They let only earlier versions go.", names(rules)})
	}
	if len(all) == 0 {
		all = append(all, Finding{Well, "lifecycle", "Lifecycle rules take away nothing that must stay, and nothing grows for ever.", "", names(rules)})
	}
	return all
}

// covers reports whether a rule of that kind is about a key, or about some keys
// of a folder.
func covers(rules []Rule, key string, is func(Rule) bool) bool {
	for _, r := range rules {
		if is(r) && (strings.HasPrefix(key, r.Prefix) || strings.HasSuffix(key, "/") && strings.HasPrefix(r.Prefix, key)) {
			return true
		}
	}
	return false
}

func names(rules []Rule) string {
	var all []string
	for _, r := range rules {
		all = append(all, fmt.Sprintf("%s (%q)", r.Name, r.Prefix))
	}
	return strings.Join(all, ", ")
}

func probe(p *Probe) (all []Finding) {
	if p == nil {
		return nil
	}
	if p.Refused {
		all = append(all, Finding{Well, "conditions", "Of two who create the same key the second is refused.", "", p.Key})
	} else {
		all = append(all, Finding{
			Wrong, "conditions", "The store writes whatever the condition says: two controllers would both take themselves for the leader.",
			"Keep the documents in S3, or in a store that knows If-None-Match and If-Match.", p.Key,
		})
	}
	if p.Left != "" {
		all = append(all, Finding{
			Untried, "probe", "The probe " + p.Key + " is there still, as it could not be deleted; it holds nothing.",
			"Delete it, or let a lifecycle rule do it, as deploy/aws/bucket.yaml does.", p.Left,
		})
	}
	return all
}
