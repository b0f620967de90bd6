package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"msdha/chaos/rig"
)

// round keeps tenths of milliseconds: nothing here is more precise.
func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// machine describes where this runs.
func machine(ctx context.Context, e *rig.Engine) (string, error) {
	docker, err := e.Version(ctx)
	if err != nil {
		return "", fmt.Errorf("the engine does not say its version: %w", err)
	}
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return "", err
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d CPU (%s), %d GiB, Linux %s, Docker %s", runtime.NumCPU(), model(),
		(info.Totalram*uint64(info.Unit)+1<<29)>>30, strings.TrimSpace(string(release)), docker), nil
}

// model is the processors' name, where the kernel has one.
func model() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

// busyFor is the share of the processors' time that was used while it watched.
func busyFor(ctx context.Context, d time.Duration) (float64, error) {
	idle, all, err := processorTime()
	if err != nil {
		return 0, err
	}
	if err := sleep(ctx, d); err != nil {
		return 0, err
	}
	idleNow, allNow, err := processorTime()
	if err != nil || allNow == all {
		return 0, err
	}
	return 1 - float64(idleNow-idle)/float64(allNow-all), nil
}

func processorTime() (idle, all int64, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	return parseProcessorTime(string(text))
}

// parseProcessorTime reads the first line of /proc/stat: idle and iowait are its
// fourth and fifth figure; guests' time, the ninth on, is in the others already.
func parseProcessorTime(text string) (idle, all int64, err error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0, fmt.Errorf("/proc/stat begins with %q, not with the processors' times", line)
	}
	for i, f := range fields[1:9] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
		all += n
		if i == 3 || i == 4 {
			idle += n
		}
	}
	return idle, all, nil
}

// load is the machine's average of the last minute, 0 where it is not told.
func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	average, _, _ := strings.Cut(string(text), " ")
	x, _ := strconv.ParseFloat(average, 64)
	return x
}
