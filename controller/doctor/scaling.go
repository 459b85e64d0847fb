package doctor

import (
	"fmt"
	"strings"
)

// Scaling is the group of machines of a capacity provider, which Auto Scaling
// keeps.
type Scaling struct {
	Provider    string
	Termination string // managed termination protection: ENABLED, DISABLED
	Group       *Group // nil where it is not known
}

// Group is what Auto Scaling tells.
type Group struct {
	Name        string
	New         bool     // machines that come are protected from scale-in
	Unprotected []string // machines that are not
	Machines    int
}

// scaling is about machines that go while tasks run on them.
func scaling(f Facts) (all []Finding) {
	if s := f.Service; s != nil && s.Launch == "EC2" {
		all = append(all, Finding{
			Untried, "scaling", "The service names no capacity provider, so that nobody knows which group its machines belong to: it was not looked at.",
			"Give the service a capacity provider with managed termination protection, or see that machines on which tasks run are protected from scale-in.", "",
		})
	}
	for _, s := range f.Scaling {
		var found []Finding
		if s.Termination != "ENABLED" {
			found = append(found, Finding{
				Doubtful, "scaling", "Scale-in may take a machine on which tasks run, canaries and their controls among them.",
				"Give capacity provider " + s.Provider + " managed termination protection.", "managedTerminationProtection is " + strings.ToLower(s.Termination),
			})
		}
		if g := s.Group; g != nil {
			found = append(found, g.findings()...)
		}
		if len(found) == 0 && s.Group != nil {
			found = []Finding{{Well, "scaling", "Machines on which tasks run are protected from scale-in.", "", s.Provider}}
		}
		all = append(all, found...)
	}
	return all
}

func (g Group) findings() []Finding {
	switch {
	case !g.New:
		return []Finding{{
			Doubtful, "scaling", "New machines are not protected from scale-in, without which there is no managed termination protection.",
			fmt.Sprintf("aws autoscaling update-auto-scaling-group --auto-scaling-group-name %s --new-instances-protected-from-scale-in", g.Name), g.Name,
		}}
	case len(g.Unprotected) > 0:
		return []Finding{{
			Doubtful, "scaling", fmt.Sprintf("%d of %s not protected from scale-in: %s.", len(g.Unprotected), areMachines(g.Machines), some(g.Unprotected)),
			fmt.Sprintf("aws autoscaling set-instance-protection --auto-scaling-group-name %s --protected-from-scale-in --instance-ids %s", g.Name, strings.Join(g.Unprotected, " ")), g.Name,
		}}
	}
	return nil
}

func areMachines(n int) string {
	if n == 1 {
		return "1 machine is"
	}
	return fmt.Sprintf("%d machines are", n)
}
