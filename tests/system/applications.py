"""Real applications from Debian's packages, started for a test and ended with it."""

import contextlib
import os
import shutil
import subprocess

from client import open_socket
from origins import free_port
from tidegate import environment
from waiting import wait_until

PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/sbin:/bin"


def find(program):
    return shutil.which(program, path=PATH)


def is_there(address):
    try:
        open_socket(address, 2).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def running(argv, address, folder, **variables):
    """The program, once it listens; its output is in folder/out."""
    with open(folder / "out", "ab") as out:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   cwd=folder, env=environment(PATH=PATH, HOME=str(folder),
                                                               **variables))
    try:
        def listens():
            assert process.poll() is None, (folder / "out").read_text(errors="replace")
            return is_there(address)
        wait_until(listens, 60, f"{argv[0]} to listen")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(*argv, cwd, timeout=120, check=True, **variables):
    """A client to its end; its output with what it said wrong."""
    done = subprocess.run([str(arg) for arg in argv], stdin=subprocess.DEVNULL, cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, check=False,
                          env=environment(PATH=PATH, HOME=str(cwd), **variables))
    assert not check or done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}"
    return done.stdout


APACHE = """
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
ServerName localhost
Listen 127.0.0.1:{plain}
Listen 127.0.0.1:{tls}
Mutex file:{folder}
{user}
{modules}
DavLockDB {folder}/lock
DocumentRoot {folder}/www
Timeout 60
KeepAliveTimeout 5
<Directory />
    Require all granted
</Directory>
<Location />
    Require all granted
</Location>
<Directory {folder}/www>
    Dav On
</Directory>
<Location /svn>
    DAV svn
    SVNPath {folder}/svn
</Location>
SetEnv GIT_PROJECT_ROOT {folder}/git
SetEnv GIT_HTTP_EXPORT_ALL 1
ScriptAlias /git/ /usr/lib/git-core/git-http-backend/
<Directory /usr/lib/git-core>
    Options ExecCGI
    Require all granted
</Directory>
<VirtualHost 127.0.0.1:{tls}>
    SSLEngine on
    SSLCertificateFile {certificate.crt}
    SSLCertificateKeyFile {certificate.key_file}
</VirtualHost>
"""
MODULES = ["mpm_event", "authz_core", "authn_core", "alias", "env", "cgid", "mime", "dir", "dav", "dav_fs",
           "dav_svn", "ssl"]


class Apache:
    """mod_dav at /, Subversion at /svn, Git at /git/; plain and over TLS."""

    def __init__(self, folder, certificate):
        self.folder = folder
        self.plain = ("127.0.0.1", free_port())
        self.tls = ("127.0.0.1", free_port())
        for name in ("www", "git"):
            (folder / name).mkdir()
        run("svnadmin", "create", folder / "svn", cwd=folder)
        run("git", "init", "-q", "--bare", folder / "git" / "repo", cwd=folder)
        run("git", "-C", folder / "git" / "repo", "config", "http.receivepack", "true", cwd=folder)
        user = ""
        if os.geteuid() == 0:
            user = "User www-data\nGroup www-data"
            run("chown", "-R", "www-data:www-data", folder, cwd=folder)
        modules = "\n".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES)
        modules += f"\nScriptSock {folder}/cgid.sock\nTypesConfig /dev/null"
        (folder / "apache.conf").write_text(APACHE.format(
            folder=folder, plain=self.plain[1], tls=self.tls[1], user=user, modules=modules,
            certificate=certificate))

    def running(self):
        return running([find("apache2"), "-f", str(self.folder / "apache.conf"), "-DFOREGROUND"],
                       self.plain, self.folder)
