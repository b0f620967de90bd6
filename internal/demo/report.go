package demo

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report as a table.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "fault\tmaster\toutage\tdetection\twait\thook\trouting\trows acknowledged\t")
	for _, f := range r.Faults {
		fmt.Fprintf(t, "%s\t%s -> %s\t%s\t%s\t%s\t%s\t%s\t%d\t\n", f.Fault, f.From, f.To,
			ms(f.OutageMS), ms(f.DetectionMS), ms(f.WaitMS), ms(f.HookMS), ms(f.RoutingMS), f.Acked)
	}
	_ = t.Flush()
	fmt.Fprintf(w, "\n%d rows acknowledged, %d of them missing at the end; %d acknowledged by a node of an "+
		"old epoch\nafter its successor's first (two masters).\n", r.Acked, r.Lost, r.TwoMasters)
}

func ms(n int64) string { return fmt.Sprintf("%.2f s", float64(n)/1000) }
