package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// maxFile bounds what is read of a file, so that a path such as /dev/zero is a
// fault and no hang. The largest CA bundles have a quarter of it.
const maxFile = 1 << 20

// Source is where a configuration comes from; OS is the real one.
type Source struct {
	// Environ is a list of KEY=value.
	Environ  []string
	ReadFile func(path string) ([]byte, error)
	Hostname func() (string, error)
}

// OS is the process's own environment.
func OS() Source {
	return Source{Environ: os.Environ(), ReadFile: readFile, Hostname: os.Hostname}
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("the file is larger than %d bytes", maxFile)
	}
	return text, err
}

// found is a variable's value and where it was found.
type found struct {
	value string
	file  string // empty: the environment
}

// loader is one pass over the environment.
type loader struct {
	source   Source
	env      map[string]string
	found    map[string]found
	settings settings
	faults   Faults
	warnings []Warning
}

func (s Source) newLoader(p Program) *loader {
	l := &loader{source: s, env: map[string]string{}, found: map[string]found{}}
	l.settings.program = p
	l.settings.readFile = s.ReadFile
	for _, pair := range s.Environ {
		name, value, _ := strings.Cut(pair, "=")
		if _, again := l.env[name]; !again && value != "" {
			l.env[name] = value
		}
	}
	return l
}

func (s Source) load(p Program) (settings, []Warning, error) {
	l := s.newLoader(p)
	for i := range table {
		l.read(&table[i])
	}
	l.finish()
	l.unknown()
	if len(l.faults) == 0 {
		return l.settings, l.warnings, nil
	}
	slices.SortStableFunc(l.faults, func(a, b Fault) int {
		return rank(a.Variable) - rank(b.Variable)
	})
	return l.settings, l.warnings, l.faults
}

// read takes one variable from the environment, or its default.
func (l *loader) read(v *variable) {
	if v.unbuilt != "" {
		l.refuse(v, v.name)
		l.refuse(v, v.name+"_FILE")
		return
	}
	f, ok := l.lookup(v)
	value := f.value
	if ok {
		l.found[v.name] = f
	} else if value = v.defaultValue(l.settings.program); value == "" {
		if v.required&l.settings.program != 0 && !l.faulted(v.name) {
			l.fault(v.name, "it is not set")
		}
		return
	}
	if err := v.set(&l.settings, value); err != nil {
		l.fault(v.name, err.Error())
	}
}

// refuse reports a variable whose feature does not exist, whatever its value:
// who sets it believes to have what it stands for.
func (l *loader) refuse(v *variable, name string) {
	if value, ok := l.env[name]; ok {
		l.faults = append(l.faults, Fault{
			Variable: name, Value: value,
			Reason: v.unbuilt + " is not built yet", Want: "it unset",
		})
	}
}

// faulted says whether a variable, or the file that was to give it, has a
// fault already: then what follows from its absence is not worth a second one.
func (l *loader) faulted(name string) bool {
	return slices.ContainsFunc(l.faults, func(f Fault) bool {
		return rank(f.Variable) == rank(name)
	})
}

// lookup finds X, or X_FILE, or an old spelling of X.
func (l *loader) lookup(v *variable) (found, bool) {
	value, ok := l.env[v.name]
	if v.typo != "" {
		typo, typed := l.env[v.typo]
		switch {
		case typed && ok && typo != value:
			l.faults = append(l.faults, Fault{
				Variable: v.typo, Value: typo,
				Reason: fmt.Sprintf("it differs from %s=%s", v.name, quote(value)),
				Want:   "only " + v.name,
			})
			return found{}, false
		case typed:
			l.warn(v.typo, "the right spelling is "+v.name)
			value, ok = typo, true
		}
	}
	path, byFile := l.env[v.name+"_FILE"]
	if !byFile {
		return found{value: value}, ok
	}
	if ok {
		l.found[v.name] = found{value: value}
		l.fault(v.name, fmt.Sprintf("%s_FILE=%s is set too", v.name, quote(showPath(path))))
		return found{}, false
	}
	text, err := l.source.ReadFile(path)
	value = strings.TrimRight(string(text), "\r\n")
	if err == nil && value == "" {
		err = errors.New("the file is empty")
	}
	if err != nil {
		l.faults = append(l.faults, Fault{
			Variable: v.name + "_FILE", Value: showPath(path),
			Reason: "cannot read it: " + cause(err).Error(),
			Want:   "the path of a file that holds " + v.name,
		})
		return found{}, false
	}
	return found{value: value, file: path}, true
}

// finish fills in the defaults that depend on other variables, and compares
// what must agree.
func (l *loader) finish() {
	c := &l.settings
	l.finishEtcd()
	l.finishName()
	if c.backend.Address == "" {
		c.backend.Address = c.common.Name
	}
	if c.backend.StateDir == "" {
		c.backend.StateDir = c.backend.RunDir
	}
	if c.backend.FenceSignal == 0 {
		c.backend.FenceSignal = c.backend.StopSignal
	}
	if ttl := c.common.TTL; ttl != 0 && ttl < minSoundTTL {
		l.warn("MSDHA_TTL", fmt.Sprintf("%v is below %v: renewals come every third of it, so "+
			"a short trouble of etcd or of the network ends a master", ttl, minSoundTTL))
	}
	samePort := strings.HasSuffix(c.httpListen, fmt.Sprintf(":%d", c.frontend.Port))
	if c.program == ProgramFrontend && c.frontend.Port != 0 && samePort {
		l.fault(httpListen, "MSDHA_PORT has the same port")
	}
}

// finishName takes the hostname where no name is given.
func (l *loader) finishName() {
	const name = "MSDHA_NAME"
	if l.settings.common.Name != "" || l.faulted(name) {
		return
	}
	host, err := l.source.Hostname()
	if err != nil {
		l.fault(name, "it is not set, and the hostname cannot be read: "+err.Error())
		return
	}
	if err := setName(&l.settings, host); err != nil {
		l.fault(name, "it is not set, and the hostname does not do: "+err.Error())
	}
}

// fault adds a fault of a variable as it was found.
func (l *loader) fault(name, reason string) {
	v := lookupVariable(name)
	f := l.found[name]
	l.faults = append(l.faults, Fault{
		Variable: name, Value: v.display(f.value), File: f.file,
		Reason: reason, Want: v.form,
	})
}

func (l *loader) warn(name, text string) {
	l.warnings = append(l.warnings, Warning{Variable: name, Text: text})
}
