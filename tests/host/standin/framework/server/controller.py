from . import restClient


class RequestHandler:
    def __init__(self, database, env):
        self.db, self.env = database, env

    def _ask(self, hostIP, opcode, **payload):
        return restClient.HandleRequest({"opcode": opcode, **payload}, hostIP, self.env)

    def create(self, json_body, hostIP):
        return self._ask(hostIP, "create", **json_body["fields"]), 0.0

    def destroy(self, json_body, hostIP):
        return self._ask(hostIP, "delete", **json_body["fields"]), 0.0

    def gethostStat(self, hostIP):
        return {"fields": self._ask(hostIP, "hostStat")}, ""

    def getContainerStat(self, hostIP):
        return [{"fields": one} for one in self._ask(hostIP, "ContainerStat")["stats"]], ""

    def checkpoint(self, ccid, cid, cur_host_ip):
        return self._ask(cur_host_ip, "checkpoint", name=f"{ccid}_{cid}"), 0.0

    def migrate(self, ccid, cid, cur_host_ip, tar_host_ip):
        return self._ask(cur_host_ip, "migrate", name=f"{ccid}_{cid}", targetIP=tar_host_ip), 0.0

    def restore(self, ccid, cid, image, tar_host_ip):
        return self._ask(tar_host_ip, "restore", name=f"{ccid}_{cid}", image=image), 0.0
