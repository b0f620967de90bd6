package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"msdha/internal/sim"
)

// beyondEpisodes is how many episodes of a world without one of the assumptions
// are run, unless --episodes says otherwise.
const beyondEpisodes = 1000

// goBeyond shows what breaks where an assumption does not hold, and fails if
// anything does that is promised there.
func (o *simOptions) goBeyond(c *cobra.Command) error {
	episodes := o.episodes
	if episodes == 0 {
		episodes = beyondEpisodes
	}
	worlds, err := chosenRegimes(o.beyond)
	if err != nil {
		return usage(c, err)
	}
	failed := 0
	for _, r := range worlds {
		broken, first := r.Beyond(c.Context(), o.seed, episodes)
		if c.Context().Err() != nil {
			return &failure{exitInterrupted, fmt.Errorf("interrupted in the world %q", r.Name)}
		}
		text := strings.Join(broken, ", ")
		if text == "" {
			text = "nothing"
		}
		if more := r.Unexpected(broken); more != nil {
			failed++
			text += "; docs/SAFETY.md does not expect " + strings.Join(more, ", ")
		}
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%-17s %s\n%-17s in %d episodes there broke: %s\n",
			r.Name, r.Text, "", episodes, text); err != nil {
			return err
		}
		if first == nil {
			continue
		}
		failed++
		if _, err := fmt.Fprintf(c.OutOrStdout(), "\n# %v\n%v\n", first.Violations[0], first.Schedule); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("in %d of %d worlds something broke that should not", failed, len(worlds))
	}
	return nil
}

func chosenRegimes(name string) ([]sim.Regime, error) {
	all := sim.Regimes()
	if name == "all" {
		return all, nil
	}
	var names []string
	for _, r := range all {
		names = append(names, fmt.Sprintf("%q", r.Name))
	}
	i := slices.IndexFunc(all, func(r sim.Regime) bool { return r.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("--beyond %q: want all, or one of %s", name, strings.Join(names, ", "))
	}
	return all[i : i+1], nil
}
