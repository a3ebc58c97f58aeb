package isis
