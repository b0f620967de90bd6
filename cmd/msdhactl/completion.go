package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// nodes completes names of registered nodes, at most so many arguments; 0 is any
// number. What cannot be read completes nothing.
func (o *operator) nodes(most int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		var names []string
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		s, err := o.open(io.Discard)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer s.close()
		ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
		defer cancel()
		l, err := s.read(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, name := range l.registered() {
			if strings.HasPrefix(name, begun) && !slices.Contains(args, name) {
				names = append(names, name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
